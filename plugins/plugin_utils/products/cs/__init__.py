# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every server of Lync Server 2013 and Skype for Business Server answers to the same cmdlets (``*-Cs*``), whatever
its role. No product: it knows no use and no role; the products of that family build on it."""
