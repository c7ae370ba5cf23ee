"""The page: an archive of signing in a browser, from the user's own machine and for it alone."""
