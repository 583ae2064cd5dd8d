"""What every front shares: who is calling, cookies, forgery checks, headers, errors."""
