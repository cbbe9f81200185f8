"""Back ends that start a fresh process for every run: bubblewrap, and a plain subprocess where nothing else works."""
