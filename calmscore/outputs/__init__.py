"""How results leave: tables, exports, PDF."""
