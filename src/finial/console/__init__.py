"""The console: what a trust domain's servers, agents and databases tell, gathered for people. A foreign client of them
all, so it works beside a stock SPIRE too; what nobody tells it says so, with the reason."""
