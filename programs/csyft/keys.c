/* keys.c - certificates and tokens for tls:// and wss://, for tests and a quick start. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

enum { OPTION_HOST, OPTION_DAYS, OPTION_TOKEN };
static const cli_option options[] = {
    {"host", 0, "HOST",
     "a name or address under which it is reached; may be repeated;\n"
     "default: localhost, 127.0.0.1 and ::1"},
    {"days", 0, "N", "how long it is good; default: 365"},
    {"token", 0, NULL,
     "no certificate but a token: in FOLDER/NAME.token, for clients, and a\n"
     "line in FOLDER/tokens, for --token-file of workers"},
    {0},
};

enum { AUTHORITY_DAYS = 3650, HOSTS_MAX = 64, PATH_SIZE = 4096 };

typedef struct request {
    const cli_verb *verb;
    const char *folder, *name;
    const char *hosts[HOSTS_MAX];
    size_t host_count;
    int64_t days;
    bool token;
} request;

/* FOLDER/name.ending; false when that is too long. */
static bool path_of(const request *r, char *path, const char *name, const char *ending)
{
    const int length = snprintf(path, PATH_SIZE, "%s/%s.%s", r->folder, name, ending);
    return length > 0 && length < PATH_SIZE;
}

/* Appends; only its owner may read it. */
static bool write_line(const char *path, int flags, const char *line)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600);
    const size_t length = strlen(line);
    const bool written = fd >= 0 && write(fd, line, length) == (ssize_t)length;
    return (fd < 0 || close(fd) == 0) && written;
}

/* 192 random bits, as hexadecimal digits. */
static bool draw_token(char token[49])
{
    uint8_t bytes[24];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
        return false;
    }
    for (size_t k = 0; k < sizeof bytes; k++) {
        snprintf(token + 2 * k, 3, "%02x", bytes[k]);
    }
    return true;
}

static int make_token(const request *r)
{
    char token[49], expires[16], line[256], path[PATH_SIZE], list[PATH_SIZE + 8];
    const time_t until = time(NULL) + (time_t)r->days * 86400;
    struct tm at;
    if (strlen(r->name) > 64 || strpbrk(r->name, " \t\n,#") != NULL) {
        return cli_misuse(r->verb, "%s: the name of a token has no blanks and at most 64 bytes",
                          r->name);
    }
    if (!path_of(r, path, r->name, "token")) {
        return cli_misuse(r->verb, "%s: the path is too long", r->folder);
    }
    snprintf(list, sizeof list, "%s/tokens", r->folder);
    if (!draw_token(token) || gmtime_r(&until, &at) == NULL) {
        return cli_fail(r->verb, "no randomness: %s", strerror(errno));
    }
    strftime(expires, sizeof expires, "%Y-%m-%d", &at);
    if (mkdir(r->folder, 0700) != 0 && errno != EEXIST) {
        return cli_fail(r->verb, "%s: %s", r->folder, strerror(errno));
    }
    snprintf(line, sizeof line, "%s\n", token);
    if (!write_line(path, O_EXCL, line)) {
        return cli_fail(r->verb, "%s: %s", path,
                        errno == EEXIST ? "it exists already" : strerror(errno));
    }
    snprintf(line, sizeof line, "%s %s %s\n", r->name, token, expires);
    if (!write_line(list, 0, line)) {
        return cli_fail(r->verb, "%s: %s", list, strerror(errno));
    }
    printf("%s\n%s\n", path, list);
    return CLI_OK;
}

static int make_keys(const request *r, sy_context *context)
{
    char ca[PATH_SIZE], ca_key[PATH_SIZE], certificate[PATH_SIZE], key[PATH_SIZE];
    sy_error err = SY_ERROR_INIT;
    if (!path_of(r, ca, "ca", "pem") || !path_of(r, ca_key, "ca", "key") ||
        !path_of(r, certificate, r->name, "pem") || !path_of(r, key, r->name, "key")) {
        return cli_misuse(r->verb, "%s: the path is too long", r->folder);
    }
    if (mkdir(r->folder, 0700) != 0 && errno != EEXIST) {
        return cli_fail(r->verb, "%s: %s", r->folder, strerror(errno));
    }
    if (access(ca, F_OK) != 0) {
        if (sy_tls_make_authority(context, ca, ca_key, "csyft keys", AUTHORITY_DAYS, &err) !=
            SY_OK) {
            return cli_report(r->verb, &err);
        }
        printf("%s\n%s\n", ca, ca_key);
    }
    if (sy_tls_make_certificate(context, certificate, key, ca, ca_key, r->name, r->hosts,
                                r->host_count, (unsigned)r->days, &err) != SY_OK) {
        cli_report(r->verb, &err);
        return err.status == SY_EINVAL ? CLI_USAGE : CLI_FAILED;
    }
    printf("%s\n%s\n", certificate, key);
    return CLI_OK;
}

static int take_options(request *r, cli_parser *parser)
{
    int key;
    while ((key = cli_next(parser)) != CLI_END) {
        if (key == OPTION_HOST) {
            if (r->host_count == HOSTS_MAX) {
                return cli_misuse(r->verb, "--host: more than %d", HOSTS_MAX);
            }
            r->hosts[r->host_count++] = parser->value;
        } else if (key == OPTION_TOKEN) {
            r->token = true;
        } else if (!cli_parse_integer(r->verb, "--days", parser->value, 1, 36500, &r->days)) {
            return CLI_USAGE;
        }
    }
    return CLI_OK;
}

static int run_keys(const cli_verb *verb, int argc, char **argv)
{
    static const char *const here[] = {"localhost", "127.0.0.1", "::1"};
    request r = {.verb = verb, .days = 365};
    cli_parser parser = cli_parse(verb, argc, argv);
    const int code = take_options(&r, &parser);
    if (code != CLI_OK) {
        return code;
    }
    if (parser.over || !cli_expect_operands(&parser, 2, 2)) {
        return parser.exit_code;
    }
    r.folder = argv[parser.operand];
    r.name = argv[parser.operand + 1];
    if (r.name[0] == '\0' || strchr(r.name, '/') != NULL || strcmp(r.name, "ca") == 0) {
        return cli_misuse(verb, "%s: no name for a certificate", r.name);
    }
    if (r.token) {
        return r.host_count == 0 ? make_token(&r) : cli_misuse(verb, "--token takes no --host");
    }
    if (r.host_count == 0) {
        r.host_count = sizeof here / sizeof here[0];
        memcpy(r.hosts, here, sizeof here);
    }
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    if (sy_context_new(&context, NULL, &err) != SY_OK) {
        return cli_report(verb, &err);
    }
    const int made = make_keys(&r, context);
    sy_context_free(context);
    return made;
}

const cli_verb cli_keys = {
    .name = "keys",
    .operands = "FOLDER NAME",
    .summary = "make a certificate, and an authority where there is none, or a token",
    .details =
        "Writes FOLDER/NAME.pem and FOLDER/NAME.key, signed by FOLDER/ca.pem; that and its key\n"
        "FOLDER/ca.key are made first when they are not there. Nothing is overwritten.\n"
        "Keep the keys to yourself; who has ca.key can be anyone.\n",
    .options = options,
    .run = run_keys,
};
