/* ways.h - the ways to walk trees that processors offer. Folder crypto/fss only: use dcf.h and dpf.h. */
#ifndef SYI_CRYPTO_FSS_WAYS_H
#define SYI_CRYPTO_FSS_WAYS_H

#include "crypto/fss/fixed_keys.h"

extern const syi_fss_kernels syi_fss_kernels_openssl; /* a row after the other */
#if CSYFT_HAVE_AVX2
extern const syi_fss_kernels syi_fss_kernels_aes;  /* one block per instruction */
extern const syi_fss_kernels syi_fss_kernels_vaes; /* two */
#endif
#if CSYFT_HAVE_AVX512
extern const syi_fss_kernels syi_fss_kernels_vaes512; /* four */
#endif

#endif
