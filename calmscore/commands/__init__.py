"""The commands of ``calmscore``, by what they are for; `cli` puts them together."""
