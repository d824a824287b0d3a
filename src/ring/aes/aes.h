/* aes.h - the ways to do AES that processors offer. Room ring only: use generator.h. */
#ifndef SYI_RING_AES_AES_H
#define SYI_RING_AES_AES_H

#include "ring/generator.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define CSYFT_HAVE_AESNI 1
extern const syi_aes syi_aes_ni;   /* one block per instruction */
extern const syi_aes syi_aes_vaes; /* two */
#else
#define CSYFT_HAVE_AESNI 0
#endif

#endif
