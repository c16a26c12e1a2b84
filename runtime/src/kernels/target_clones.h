#pragma once

// A function with this attribute is compiled for several instruction sets; the loader picks the best one the processor
// has. The files that use it are compiled without contracting a * b + c, so every clone computes the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TRIREME_TARGET_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TRIREME_TARGET_CLONES
#endif
