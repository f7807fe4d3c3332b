"""Hold the rules of links, people and claims; never touches Flask, SQL, the network or a clock."""
