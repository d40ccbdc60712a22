"""A simulated Windows host that is a Lync or Skype for Business Edge Server."""
