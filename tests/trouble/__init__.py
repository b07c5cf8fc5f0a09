"""What tests need to have trouble: workers that fall silent, disks that are full."""
