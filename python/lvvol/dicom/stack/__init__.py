"""The stack: from single images to the one short-axis cine stack of a study."""
