/* certificates.c - making an authority and certificates that it signs (csyft/tls.h). Test: certificates_test.c. */
#include <csyft/tls.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "core/error.h"

#define DAYS_MAX 36500
#define NAME_MAX_BYTES 64 /* of a common name, X.520 */
#define HOSTS_MAX 2048    /* bytes of them all as OpenSSL reads them */

/* --- files --------------------------------------------------------------------------------------- */

/* Refuses to write over a file; on failure none is left. */
static sy_status write_file(const char *path, BIO *text, mode_t mode, sy_error *err)
{
    char *bytes = NULL;
    const long size = BIO_get_mem_data(text, &bytes);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return syi_fail_object(err, errno == EEXIST ? SY_EEXIST : SY_EIO, path, "%s: %s", path,
                               errno == EEXIST ? "exists already, and is not overwritten"
                                               : strerror(errno));
    }
    long done = 0;
    while (done < size) {
        const ssize_t count = write(fd, bytes + done, (size_t)(size - done));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        done += count;
    }
    const int code = done < size || fsync(fd) != 0 ? errno : 0;
    close(fd);
    if (code != 0) {
        unlink(path);
        return syi_fail_object(err, SY_EIO, path, "%s: %s", path, strerror(code));
    }
    return SY_OK;
}

static sy_status write_pair(const char *certificate_file, const char *key_file, X509 *certificate,
                            EVP_PKEY *key, sy_error *err)
{
    sy_status status = SY_OK;
    BIO *text = BIO_new(BIO_s_mem());
    BIO *secret = BIO_new(BIO_s_secmem());
    if (text == NULL || secret == NULL || PEM_write_bio_X509(text, certificate) != 1 ||
        PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) != 1) {
        status = SYI_ENOMEM(err, "certificate");
        goto done;
    }
    SY_GOTO(done, write_file(key_file, secret, 0600, err));
    status = write_file(certificate_file, text, 0644, err);
    if (status != SY_OK) {
        unlink(key_file);
    }
done:
    BIO_free(text);
    BIO_free(secret);
    return status;
}

static sy_status read_authority(const char *certificate_file, const char *key_file,
                                X509 **certificate, EVP_PKEY **key, sy_error *err)
{
    *certificate = NULL;
    *key = NULL;
    BIO *file = BIO_new_file(certificate_file, "r");
    if (file == NULL) {
        return syi_fail_object(err, SY_EIO, certificate_file, "%s: %s", certificate_file,
                               strerror(errno));
    }
    *certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    BIO_free(file);
    if (*certificate == NULL) {
        return syi_fail_object(err, SY_EFORMAT, certificate_file, "%s: no certificate in PEM",
                               certificate_file);
    }
    file = BIO_new_file(key_file, "r");
    if (file == NULL) {
        return syi_fail_object(err, SY_EIO, key_file, "%s: %s", key_file, strerror(errno));
    }
    *key = PEM_read_bio_PrivateKey(file, NULL, NULL, (void *)"");
    BIO_free(file);
    if (*key == NULL || X509_check_private_key(*certificate, *key) != 1) {
        return syi_fail_object(err, SY_EFORMAT, key_file, "%s: not the private key of %s", key_file,
                               certificate_file);
    }
    return SY_OK;
}

/* --- certificates -------------------------------------------------------------------------------- */

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    const bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *certificate)
{
    uint8_t bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return false;
    }
    bytes[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    const bool set =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

/* Unsigned, without extensions. NULL: no memory. */
static X509 *begin_certificate(const char *name, EVP_PKEY *key, X509 *issuer, unsigned days)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = certificate != NULL ? X509_get_subject_name(certificate) : NULL;
    if (subject == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        !set_serial(certificate) ||
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                   -1, 0) != 1 ||
        X509_set_issuer_name(certificate,
                             issuer != NULL ? X509_get_subject_name(issuer) : subject) != 1 ||
        /* Clocks differ a little. */
        X509_gmtime_adj(X509_getm_notBefore(certificate), -300) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL) == NULL ||
        X509_set_pubkey(certificate, key) != 1) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static sy_status check_name(const char *name, unsigned days, sy_error *err)
{
    if (name == NULL || name[0] == '\0' || strlen(name) > NAME_MAX_BYTES) {
        return syi_fail(err, SY_EINVAL, "certificate: a name of 1 to %d bytes is needed",
                        NAME_MAX_BYTES);
    }
    if (days < 1 || days > DAYS_MAX) {
        return syi_fail(err, SY_EINVAL, "certificate: %u days, 1 to %d are possible", days,
                        DAYS_MAX);
    }
    return SY_OK;
}

sy_status sy_tls_make_authority(sy_context *context, const char *certificate_file,
                                const char *key_file, const char *name, unsigned days,
                                sy_error *err)
{
    (void)context;
    SY_TRY(check_name(name, days, err));
    sy_status status = SY_OK;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? begin_certificate(name, key, NULL, days) : NULL;
    if (certificate == NULL ||
        !add_extension(certificate, certificate, NID_basic_constraints,
                       "critical,CA:TRUE,pathlen:0") ||
        !add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(certificate, certificate, NID_subject_key_identifier, "hash") ||
        X509_sign(certificate, key, EVP_sha256()) == 0) {
        status = SYI_ENOMEM(err, "certificate");
    } else {
        status = write_pair(certificate_file, key_file, certificate, key, err);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return status;
}

/* "DNS:a,IP:127.0.0.1". Refuses what would end an entry, so that nobody smuggles in another. */
static sy_status list_hosts(char *text, size_t size, const char *const *hosts, size_t count,
                            sy_error *err)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t k = 0; k < count; k++) {
        uint8_t address[16];
        const bool is_address = inet_pton(AF_INET, hosts[k], address) == 1 ||
                                inet_pton(AF_INET6, hosts[k], address) == 1;
        const size_t clean = strspn(hosts[k], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789.-*:");
        if (hosts[k][0] == '\0' || hosts[k][clean] != '\0' ||
            (!is_address && strchr(hosts[k], ':') != NULL)) {
            return syi_fail(err, SY_EINVAL, "certificate: \"%.100s\" is no host name or address",
                            hosts[k]);
        }
        const int wrote = snprintf(text + length, size - length, "%s%s:%s", k > 0 ? "," : "",
                                   is_address ? "IP" : "DNS", hosts[k]);
        if (wrote < 0 || (size_t)wrote >= size - length) {
            return syi_fail(err, SY_ELIMIT, "certificate: %zu hosts are too many", count);
        }
        length += (size_t)wrote;
    }
    return SY_OK;
}

sy_status sy_tls_make_certificate(sy_context *context, const char *certificate_file,
                                  const char *key_file, const char *authority_file,
                                  const char *authority_key_file, const char *name,
                                  const char *const *hosts, size_t host_count, unsigned days,
                                  sy_error *err)
{
    (void)context;
    char alternatives[HOSTS_MAX];
    X509 *issuer = NULL;
    EVP_PKEY *issuer_key = NULL;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    sy_status status;
    SY_TRY(check_name(name, days, err));
    SY_TRY(list_hosts(alternatives, sizeof alternatives, hosts, host_count, err));
    SY_GOTO(done, read_authority(authority_file, authority_key_file, &issuer, &issuer_key, err));
    key = EVP_EC_gen("P-256");
    certificate = key != NULL ? begin_certificate(name, key, issuer, days) : NULL;
    if (certificate == NULL ||
        !add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth,clientAuth") ||
        !add_extension(certificate, issuer, NID_subject_key_identifier, "hash") ||
        !add_extension(certificate, issuer, NID_authority_key_identifier, "keyid") ||
        (host_count > 0 &&
         !add_extension(certificate, issuer, NID_subject_alt_name, alternatives)) ||
        X509_sign(certificate, issuer_key, EVP_sha256()) == 0) {
        status = SYI_ENOMEM(err, "certificate");
        goto done;
    }
    status = write_pair(certificate_file, key_file, certificate, key, err);
done:
    X509_free(certificate);
    EVP_PKEY_free(key);
    X509_free(issuer);
    EVP_PKEY_free(issuer_key);
    ERR_clear_error();
    return status;
}
