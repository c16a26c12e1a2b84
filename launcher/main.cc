#include "cli/command_line.h"

int main(int argc, char** argv) { return trireme::launcher::run_command_line(argc, argv); }
