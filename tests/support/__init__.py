"""What tests stand on: real servers, real repositories, the installed command."""
