#include <cstdio>

#include "trireme/base/version.h"

int main() { std::printf("launcher %s\n", trireme::version()); }
