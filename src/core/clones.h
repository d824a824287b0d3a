/*
 * clones.h - loops compiled for several instruction sets, chosen when the library is loaded. The results have the same
 * bits in all of them: nothing is reassociated or fused. Not with sanitizers, whose run time is not ready when the
 * choice is made.
 */
#ifndef SYI_CORE_CLONES_H
#define SYI_CORE_CLONES_H

#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SYI_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SYI_CLONES
#endif

#endif
