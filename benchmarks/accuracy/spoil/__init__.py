"""Operations that spoil a study in memory, as exports, scanners and patients do."""
