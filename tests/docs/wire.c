/*
 * wire.c - docs/reference/wire.md says what the library does: every ```hex block of the page is a frame.
 *
 *  1. A client does the calls of the page; a relay between it and a worker compares each frame of both with the
 *     page, so that encoding, the worker's answers and the client's decoding of them are checked at once.
 *  2. The page's own bytes are written to a worker, over a plain socket (one frame at a time and all at
 *     once), inproc and websocket; what comes back is compared with the page.
 *  3. The tables of status codes and kinds are those of the library.
 *
 * CSYFT_WIRE_RECORD=FILE writes "name hex" lines of what the library does instead of comparing;
 * `tools/wire-hex --write docs/reference/wire.md FILE` puts them into the page.
 */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csyft/operations.h>
#include <csyft/plan.h>
#include <csyft/pointer.h>

#include "messaging/kinds.h"
#include "support/test.h"
#include "transport/inproc/inproc.h"
#include "workers/worker.h"

#define FRAME_MAX 2048
#define BLOCKS_MAX 64
#define PATIENCE_MS 10000

/* --- the page ---------------------------------------------------------------------------------- */

typedef struct block {
    char name[48];
    int line;
    int connection; /* frames of one number belong to one connection */
    bool from_client;
    bool by_hand; /* no call of the library sends it */
    bool closes;  /* the worker closes the connection after it */
    bool
        breaks; /* the connection breaks in the middle of it; it and the next one are a socket's only */
    size_t size;
    uint8_t bytes[FRAME_MAX];
    bool sent;     /* by the library's client */
    bool answered; /* by a worker, to the page's bytes; a frame of the client: was written */
} block;

static char *page;
static block blocks[BLOCKS_MAX];
static int block_count;
static FILE *record; /* NULL: compare */
static int differences;

static char *read_page(void)
{
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/docs/reference/wire.md", "rb");
    assert_non_null(file);
    char *text = calloc(1, 1u << 20);
    assert_non_null(text);
    const size_t size = fread(text, 1, (1u << 20) - 1, file);
    assert_true(size > 0 && size < (1u << 20) - 1);
    fclose(file);
    return text;
}

static bool has_word(const char *line, size_t length, const char *word)
{
    const size_t size = strlen(word);
    for (const char *at = line; at + size <= line + length; at++) {
        if (memcmp(at, word, size) == 0 && at[-1] == ' ' &&
            (at + size == line + length || at[size] == ' ')) {
            return true;
        }
    }
    return false;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* Bytes of one line, up to '#'. */
static void read_hex(block *b, const char *line, size_t length)
{
    int high = -1;
    for (size_t k = 0; k < length && line[k] != '#'; k++) {
        const int digit = hex_digit(line[k]);
        if (line[k] == ' ') {
            continue;
        }
        if (digit < 0) {
            fail_msg("wire.md:%d: '%c' in a hex block", b->line, line[k]);
        }
        if (high < 0) {
            high = digit;
            continue;
        }
        assert_true(b->size < FRAME_MAX);
        b->bytes[b->size++] = (uint8_t)(high << 4 | digit);
        high = -1;
    }
    assert_int_equal(high, -1);
}

static void read_block_head(block *b, const char *line, size_t length)
{
    char info[128];
    assert_true(length < sizeof info);
    memcpy(info, line, length);
    info[length] = '\0';
    char from[16] = "";
    if (sscanf(info, "```hex %47s from=%15s connection=%d", b->name, from, &b->connection) != 3) {
        fail_msg("wire.md:%d: not \"```hex NAME from=client|worker connection=N\"", b->line);
    }
    char *rest = strchr(from, ' ');
    if (rest != NULL) {
        *rest = '\0';
    }
    b->from_client = strcmp(from, "client") == 0;
    assert_true(b->from_client || strcmp(from, "worker") == 0);
    b->by_hand = has_word(line, length, "by-hand");
    b->closes = has_word(line, length, "closes");
    b->breaks = has_word(line, length, "breaks");
}

static int read_blocks(void **state)
{
    (void)state;
    block *open = NULL;
    int number = 1;
    page = read_page();
    for (const char *line = page; *line != '\0'; number++) {
        const size_t length = strcspn(line, "\n");
        if (open != NULL && strncmp(line, "```", 3) == 0) {
            open = NULL;
        } else if (open != NULL) {
            read_hex(open, line, length);
        } else if (strncmp(line, "```hex ", 7) == 0) {
            assert_true(block_count < BLOCKS_MAX);
            open = &blocks[block_count++];
            open->line = number;
            read_block_head(open, line, length);
        }
        line += length + (line[length] == '\n');
    }
    assert_null(open);
    assert_true(block_count > 0);
    return 0;
}

static block *find_block(const char *name)
{
    for (int k = 0; k < block_count; k++) {
        if (strcmp(blocks[k].name, name) == 0) {
            return &blocks[k];
        }
    }
    return NULL;
}

static void print_hex(FILE *file, const uint8_t *bytes, size_t size)
{
    for (size_t k = 0; k < size; k++) {
        fprintf(file, "%02x", bytes[k]);
    }
    fprintf(file, "\n");
}

/* Main thread. Compares a frame with the block of that name, or records it. */
static void check_frame(const char *name, const uint8_t *bytes, size_t size, const char *where)
{
    block *b = find_block(name);
    if (record != NULL) {
        fprintf(record, "%s ", name);
        print_hex(record, bytes, size);
        if (b != NULL) { /* the page's bytes are written to workers later */
            b->size = size;
            memcpy(b->bytes, bytes, size);
        }
        return;
    }
    if (b != NULL && b->size == size && memcmp(b->bytes, bytes, size) == 0) {
        return;
    }
    differences++;
    size_t at = 0;
    while (b != NULL && at < size && at < b->size && b->bytes[at] == bytes[at]) {
        at++;
    }
    print_error("wire.md:%d: %s (%s) differs at byte %zu\n", b == NULL ? 0 : b->line, name, where,
                at);
    fprintf(stderr, "  page:    ");
    print_hex(stderr, b == NULL ? bytes : b->bytes, b == NULL ? 0 : b->size);
    fprintf(stderr, "  library: ");
    print_hex(stderr, bytes, size);
}

static void finish_checks(void)
{
    const int count = differences;
    differences = 0;
    if (count > 0) {
        fail_msg("%d frames differ; when that is meant: CSYFT_WIRE_RECORD, see the head of wire.c",
                 count);
    }
}

/* --- a worker that is the same each time ------------------------------------------------------- */

typedef struct draws {
    pthread_mutex_t lock;
    unsigned secrets;
    uint64_t state;
} draws;

/* Sessions and tokens are 16 bytes: the first reads 10 11 .. 1f, the next 20 21 .. 2f, and so on. */
static bool draw(void *user, void *buffer, size_t size)
{
    draws *d = user;
    uint8_t *bytes = buffer;
    pthread_mutex_lock(&d->lock);
    d->secrets += size == 16;
    for (size_t k = 0; k < size; k++) {
        d->state = d->state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        bytes[k] = size == 16 ? (uint8_t)(16 * d->secrets + k) : (uint8_t)(d->state >> 56);
    }
    pthread_mutex_unlock(&d->lock);
    return true;
}

typedef struct bob {
    draws draws;
    sy_context *context;
    sy_hook *hook;
    sy_worker *worker;
    const char *url;
} bob;

static sy_hook *quiet_hook(sy_context *context, const char *id, bool is_client)
{
    sy_error err = SY_ERROR_INIT;
    sy_hook *hook = NULL;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.local_worker_id = id;
    options.is_client = is_client;
    options.verbose = false;
    assert_ok(sy_hook_new(context, &hook, &options, &err), &err);
    return hook;
}

/* `url` NULL: not listening. */
static void bob_start(bob *b, const char *url)
{
    sy_error err = SY_ERROR_INIT;
    *b = (bob){.draws = {.lock = PTHREAD_MUTEX_INITIALIZER}};
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.random = draw;
    options.random_user = &b->draws;
    options.pool_threads = 2;
    assert_ok(sy_context_new(&b->context, &options, &err), &err);
    b->hook = quiet_hook(b->context, "bob", false);
    b->worker = sy_hook_get_local_worker(b->hook);
    if (url != NULL) {
        assert_ok(sy_worker_listen(b->worker, url, NULL, &b->url, &err), &err);
    }
    b->draws.secrets = 0; /* tables draw keys of that size, too */
}

static void bob_stop(bob *b)
{
    sy_hook_free(b->hook);
    sy_context_free(b->context);
}

/* --- 1. the library's client, through a relay -------------------------------------------------- */

typedef struct frame {
    size_t size;
    uint8_t bytes[FRAME_MAX];
} frame;

/* Passes frames on between a client and bob, and keeps them. One connection at a time. */
typedef struct relay {
    bob *bob;
    pthread_mutex_t lock;
    syi_peer *peer;
    syi_connection *connection; /* to bob */
    frame frames[BLOCKS_MAX];
    int count;
    sy_status failure;
} relay;

static sy_status to_bytes(const syi_message *message, frame *out)
{
    sy_error err = SY_ERROR_INIT;
    syi_buffer head;
    syi_buffer_init(&head, message->body.context, FRAME_MAX);
    sy_status status = syi_frame_encode_head(message, &head, &err);
    if (status == SY_OK) {
        for (uint32_t k = 0; k < message->segment_count + 1; k++) {
            if (k == 0) {
                syi_buffer_append(&head, message->body.data, message->body.length);
            } else {
                syi_buffer_append(&head, message->segments[k - 1].data,
                                  (size_t)message->segments[k - 1].length);
            }
        }
        status = syi_buffer_check(&head, "frame", &err);
    }
    if (status == SY_OK) {
        out->size = head.length;
        memcpy(out->bytes, head.data, head.length);
    }
    syi_buffer_fini(&head);
    return status;
}

static void *relay_opened(void *user, syi_peer *peer)
{
    relay *r = user;
    const syi_service service = syi_worker_service(r->bob->worker);
    pthread_mutex_lock(&r->lock);
    r->failure =
        syi_inproc_pair(r->bob->context, &r->connection, "bob", NULL, NULL, &service, NULL);
    r->peer = peer;
    pthread_mutex_unlock(&r->lock);
    return r;
}

static sy_status relay_pass(relay *r, syi_message *message)
{
    const bool answered = message->kind != SYI_KIND_DELETE;
    const syi_message *one = message;
    if (r->count + 2 > BLOCKS_MAX) {
        return SY_ELIMIT;
    }
    SY_TRY(to_bytes(message, &r->frames[r->count++]));
    SY_TRY(syi_connection_send(r->connection, &one, 1, 0, NULL));
    if (!answered) {
        return SY_OK;
    }
    syi_message_clear(message);
    SY_TRY(syi_connection_receive(r->connection, message, 0, NULL));
    SY_TRY(to_bytes(message, &r->frames[r->count++]));
    return syi_peer_send(r->peer, message, NULL);
}

static void relay_received(void *session, syi_message *message)
{
    relay *r = session;
    pthread_mutex_lock(&r->lock);
    const sy_status status = relay_pass(r, message);
    r->failure = r->failure == SY_OK ? status : r->failure;
    pthread_mutex_unlock(&r->lock);
    syi_message_fini(message);
    if (status != SY_OK) {
        syi_peer_close(r->peer, 0);
    }
}

static void relay_closed(void *session, sy_status why, const char *sentence)
{
    (void)why;
    (void)sentence;
    relay *r = session;
    pthread_mutex_lock(&r->lock);
    syi_connection_close(r->connection);
    r->connection = NULL;
    syi_peer_unref(r->peer);
    r->peer = NULL;
    pthread_mutex_unlock(&r->lock);
}

static void float_contents(sy_tensor *tensor, float *values, size_t count)
{
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_tensor_copy_data(tensor, values, count * sizeof *values, &err), &err);
}

/* x = [1, 2, 3] as 101. */
static sy_tensor *do_send(sy_hook *hook, sy_worker *worker)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_tensor *pointer = NULL;
    const sy_id id = sy_id_from_int(101);
    assert_ok(sy_tensor_from_floats(hook, &x, (float[]){1, 2, 3}, 3, &err), &err);
    assert_ok(sy_tensor_set_id(x, &id, &err), &err);
    assert_ok(sy_tensor_tag(x, "#x", &err), &err);
    assert_ok(sy_tensor_describe(x, "three numbers", &err), &err);
    assert_ok(sy_tensor_send(x, &pointer, worker, &err), &err);
    sy_tensor_unref(x);
    return pointer;
}

/* y = x + x as 102, and back. */
static void do_add_and_get(sy_hook *hook, sy_worker *worker, sy_tensor *x)
{
    sy_error err = SY_ERROR_INIT;
    const sy_id id = sy_id_from_int(102);
    float sum[3];
    sy_tensor *got = NULL;
    assert_ok(sy_id_provider_set_next_ids(sy_hook_get_id_provider(hook), &id, 1, &err), &err);
    sy_scope *s = sy_scope_begin(hook);
    sy_tensor *y = sy_scope_keep(s, sy_add(s, x, x));
    assert_ok(sy_scope_end(s, &err), &err);
    assert_ok(sy_tensor_get(y, &got, &err), &err);
    float_contents(got, sum, 3);
    assert_true(sum[0] == 2 && sum[1] == 4 && sum[2] == 6);
    sy_tensor_unref(got);
    sy_tensor_unref(y);

    assert_ok(sy_tensor_point_to(hook, &y, worker, &id, &err), &err);
    assert_status(sy_tensor_get(y, &got, &err), SY_ENOTFOUND, &err);
    assert_string_equal(err.worker, "bob");
    assert_string_equal(err.object, "102");
    sy_tensor_unref(y);
}

static void do_search(sy_hook *hook, sy_worker *worker, const char *const *terms, size_t count,
                      int64_t expected)
{
    sy_error err = SY_ERROR_INIT;
    sy_object_info *infos = NULL;
    size_t found = 0;
    assert_ok(sy_worker_find(worker, &infos, &found, terms, count, &err), &err);
    assert_int_equal(found, 1);
    assert_int_equal(infos[0].id.number, expected);
    sy_object_infos_free(hook, infos, found);
}

static void do_gradient_questions(sy_hook *hook, sy_tensor *x)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_set_requires_grad(x, true, &err), &err);
    assert_ok(sy_tensor_get_grad(x, &grad, &err), &err);
    assert_null(grad);
    sy_scope *s = sy_scope_begin(hook);
    sy_scope_set_grad_enabled(s, false);
    sy_add_scalar_(s, x, 0.5);
    assert_ok(sy_scope_end(s, &err), &err);
}

static void do_shape(sy_hook *hook, sy_worker *worker, int64_t id, int64_t expected)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *pointer = NULL;
    const sy_id named = sy_id_from_int(id);
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    assert_ok(sy_tensor_point_to(hook, &pointer, worker, &named, &err), &err);
    assert_ok(sy_tensor_get_shape(pointer, &ndim, shape, &err), &err);
    assert_int_equal(ndim, 1);
    assert_int_equal(shape[0], expected);
    sy_tensor_unref(pointer);
}

/* 0, 1, .. 255, 0, .. 3 as 103: too long to travel inside the body. */
static sy_tensor *do_send_long(sy_hook *hook, sy_worker *worker)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *ramp = NULL;
    sy_tensor *pointer = NULL;
    const sy_id id = sy_id_from_int(103);
    const int64_t shape[] = {260};
    uint8_t bytes[260];
    for (size_t k = 0; k < sizeof bytes; k++) {
        bytes[k] = (uint8_t)k;
    }
    assert_ok(sy_tensor_new(hook, &ramp, SY_DTYPE_U8, 1, shape, bytes, &err), &err);
    assert_ok(sy_tensor_set_id(ramp, &id, &err), &err);
    assert_ok(sy_tensor_send(ramp, &pointer, worker, &err), &err);
    sy_tensor_unref(ramp);
    return pointer;
}

/* 2 x[:n // 2] */
static sy_status first_half(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    const int64_t half = sy_plan_size_floordiv(s, sy_plan_size(s, x, 0), 2);
    const sy_value index = sy_value_slice(SY_SLICE_OPEN, half, 1);
    return sy_plan_frame_return(f, sy_mul_int(s, sy_index(s, x, &index, 1), 2), err);
}

/* The plan as 104; run on 103 it gives 105. */
static void do_plan(sy_hook *hook, sy_worker *worker, sy_tensor *x)
{
    sy_error err = SY_ERROR_INIT;
    sy_plan *plan = NULL;
    sy_pointer_plan *pointer = NULL;
    sy_tensor *y = NULL;
    const sy_id id = sy_id_from_int(104), result = sy_id_from_int(105);
    const sy_plan_shape shape = {SY_DTYPE_U8, 1, {-1}};
    const sy_value argument = sy_value_tensor(x);
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    sy_plan_run_options run = SY_PLAN_RUN_OPTIONS_INIT;
    options.name = "first_half";
    options.forward = first_half;
    options.id = &id;
    run.result_ids = &result;
    run.result_id_count = 1;
    assert_ok(sy_plan_new(hook, &plan, &options, &err), &err);
    assert_ok(sy_plan_build_shapes(plan, &shape, 1, &err), &err);
    assert_ok(sy_plan_send(plan, &pointer, &worker, 1, false, &err), &err);
    assert_ok(sy_pointer_plan_run(pointer, &argument, 1, &run, &y, 1, NULL, &err), &err);
    sy_pointer_plan_set_garbage_collect(pointer, false);
    sy_tensor_set_garbage_collect(y, false);
    sy_tensor_unref(y);
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

/* The calls of the page, in its order. */
static void do_calls(sy_hook *hook, sy_worker *worker)
{
    sy_tensor *x = do_send(hook, worker);
    do_add_and_get(hook, worker, x);
    do_search(hook, worker, (const char *const[]){"#x", "three"}, 2, 101);
    do_gradient_questions(hook, x);
    do_shape(hook, worker, 101, 3);
    sy_tensor *ramp = do_send_long(hook, worker);
    sy_tensor_unref(x);
    do_search(hook, worker, NULL, 0, 103);
    do_plan(hook, worker, ramp);
    sy_worker_close(worker);
    do_shape(hook, worker, 103, 260);
    sy_tensor_set_garbage_collect(ramp, false);
    sy_tensor_unref(ramp);
}

/* The names of the frames that do_calls makes. */
static const char *const call_names[] = {
    "hello",
    "hello-reply",
    "object",
    "object-reply",
    "command",
    "command-reply",
    "object-request",
    "object-request-reply",
    "missing",
    "missing-error",
    "search",
    "search-reply",
    "worker-command",
    "worker-command-reply",
    "is-none",
    "is-none-reply",
    "command-in-place",
    "command-in-place-reply",
    "get-shape",
    "get-shape-reply",
    "object-segment",
    "object-segment-reply",
    "delete",
    "search-all",
    "search-all-reply",
    "plan",
    "plan-reply",
    "run",
    "run-reply",
    "hello-resume",
    "hello-resume-reply",
    "get-shape-resumed",
    "get-shape-resumed-reply",
};
#define CALLS ((int)(sizeof call_names / sizeof call_names[0]))

static void test_client(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    bob server;
    relay *r = calloc(1, sizeof *r);
    assert_non_null(r);
    pthread_mutex_init(&r->lock, NULL);
    bob_start(&server, NULL);
    r->bob = &server;

    sy_context *context = NULL;
    sy_worker *worker = NULL;
    syi_listener *listener = NULL;
    assert_ok(sy_context_new(&context, NULL, &err), &err);
    sy_hook *hook = quiet_hook(context, "me", true);
    const syi_service service = {r, relay_opened, relay_received, relay_closed};
    const syi_listen_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT};
    assert_ok(syi_listen(server.context, &listener, "tcp://127.0.0.1:0", &options, &service, &err),
              &err);
    assert_ok(sy_worker_connect(hook, &worker, syi_listener_get_url(listener), NULL, &err), &err);
    do_calls(hook, worker);
    sy_hook_free(hook);
    syi_listener_free(listener);

    assert_int_equal(r->failure, SY_OK);
    for (int k = 0; k < r->count && k < CALLS; k++) {
        block *b = find_block(call_names[k]);
        if (b != NULL) {
            b->sent = true;
        }
        check_frame(call_names[k], r->frames[k].bytes, r->frames[k].size, "client and worker");
    }
    assert_int_equal(r->count, CALLS);
    sy_context_free(context);
    bob_stop(&server);
    pthread_mutex_destroy(&r->lock);
    free(r);
    finish_checks();
}

/* --- 2. the page's bytes, to a worker ---------------------------------------------------------- */

static int raw_connect(const char *url)
{
    int port = 0;
    assert_int_equal(sscanf(url, "tcp://127.0.0.1:%d", &port), 1);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void raw_write(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t count = send(fd, bytes, size, MSG_NOSIGNAL);
        assert_true(count > 0);
        bytes += count;
        size -= (size_t)count;
    }
}

/* Up to `size` bytes; fewer when the other end closed or has nothing more to say. */
static size_t raw_read(int fd, uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        if (poll(&one, 1, PATIENCE_MS) <= 0) {
            print_error("no answer in %d ms\n", PATIENCE_MS);
            break;
        }
        const ssize_t count = recv(fd, bytes + at, size - at, 0);
        if (count <= 0) {
            break;
        }
        at += (size_t)count;
    }
    return at;
}

/* Reads one frame by its own header, so that a recording need not know its length. */
static size_t raw_read_frame(int fd, uint8_t *bytes)
{
    if (raw_read(fd, bytes, SYI_FRAME_HEADER_SIZE) != SYI_FRAME_HEADER_SIZE) {
        return 0;
    }
    const size_t entries = (size_t)syi_get_u16le(bytes + 6) * SYI_FRAME_SEGMENT_ENTRY_SIZE;
    assert_true(SYI_FRAME_HEADER_SIZE + entries < FRAME_MAX);
    assert_int_equal(raw_read(fd, bytes + SYI_FRAME_HEADER_SIZE, entries), entries);
    size_t rest = syi_get_u32le(bytes + 8);
    for (size_t k = 0; k < entries; k += SYI_FRAME_SEGMENT_ENTRY_SIZE) {
        rest += (size_t)syi_get_u64le(bytes + SYI_FRAME_HEADER_SIZE + k);
    }
    assert_true(SYI_FRAME_HEADER_SIZE + entries + rest <= FRAME_MAX);
    assert_int_equal(raw_read(fd, bytes + SYI_FRAME_HEADER_SIZE + entries, rest), rest);
    return SYI_FRAME_HEADER_SIZE + entries + rest;
}

static void raw_close(int fd, bool closes)
{
    uint8_t more;
    if (!closes) {
        shutdown(fd, SHUT_WR);
    }
    assert_int_equal(raw_read(fd, &more, 1), 0);
    close(fd);
}

/* The blocks [first, *end) of one connection. */
static int connection_end(int first)
{
    int end = first;
    while (end < block_count && blocks[end].connection == blocks[first].connection) {
        end++;
    }
    return end;
}

static void replay_raw(const char *url, int first, int end, bool at_once)
{
    static uint8_t answer[FRAME_MAX];
    const int fd = raw_connect(url);
    for (int k = first; k < end && at_once; k++) {
        if (blocks[k].from_client) {
            raw_write(fd, blocks[k].bytes, blocks[k].size);
        }
    }
    for (int k = first; k < end; k++) {
        blocks[k].answered = true;
        if (blocks[k].from_client) {
            if (!at_once) {
                raw_write(fd, blocks[k].bytes, blocks[k].size);
            }
            continue;
        }
        const size_t size = raw_read_frame(fd, answer);
        if (record == NULL || blocks[k].by_hand) {
            check_frame(blocks[k].name, answer, size, at_once ? "tcp, pipelined" : "tcp");
        }
    }
    raw_close(fd, blocks[end - 1].closes);
}

static void replay_all_raw(bool at_once)
{
    bob server;
    bob_start(&server, "tcp://127.0.0.1:0");
    for (int first = 0; first < block_count; first = connection_end(first)) {
        replay_raw(server.url, first, connection_end(first), at_once);
    }
    bob_stop(&server);
    finish_checks();
}

static void test_worker_raw(void **state)
{
    (void)state;
    replay_all_raw(false);
    for (int k = 0; k < block_count; k++) {
        if (!blocks[k].answered || blocks[k].sent == blocks[k].by_hand) {
            fail_msg("wire.md:%d: %s is not what the library sends", blocks[k].line,
                     blocks[k].name);
        }
    }
}

static void test_worker_pipelined(void **state)
{
    (void)state;
    replay_all_raw(true);
}

typedef struct taken {
    syi_message *into;
    int count;
} taken;

static void take(void *user, syi_message *message)
{
    taken *t = user;
    syi_message_move(t->into, message);
    t->count++;
}

/* Blocks before the connection that breaks, which comes last but one: as messages all are whole. */
static int whole_blocks(void)
{
    int count = 0;
    while (count < block_count && !blocks[count].breaks) {
        count++;
    }
    while (count > 0 && count < block_count &&
           blocks[count - 1].connection == blocks[count].connection) {
        count--;
    }
    return count;
}

/* The same through the transport room: each block is read as a frame and sent as a message. */
static void replay_messages(bob *server, syi_connection *connection, int first, int end,
                            const char *where)
{
    sy_error err = SY_ERROR_INIT;
    syi_frame_reader *reader = NULL;
    const syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
    static frame answer;
    syi_message message;
    syi_message_init(&message, server->context, FRAME_MAX);
    assert_ok(syi_frame_reader_new(server->context, &reader, &limits, NULL, &err), &err);
    const uint64_t deadline =
        syi_clock_now(server->context) + (uint64_t)PATIENCE_MS * UINT64_C(1000000);
    for (int k = first; k < end; k++) {
        if (blocks[k].from_client) {
            taken one = {&message, 0};
            const syi_message *sent = &message;
            assert_ok(
                syi_frame_reader_feed(reader, blocks[k].bytes, blocks[k].size, take, &one, &err),
                &err);
            assert_int_equal(one.count, 1);
            assert_ok(syi_connection_send(connection, &sent, 1, deadline, &err), &err);
        } else {
            syi_message_clear(&message);
            assert_ok(syi_connection_receive(connection, &message, deadline, &err), &err);
            assert_int_equal(to_bytes(&message, &answer), SY_OK);
            check_frame(blocks[k].name, answer.bytes, answer.size, where);
        }
    }
    if (blocks[end - 1].closes) {
        syi_message_clear(&message);
        assert_status(syi_connection_receive(connection, &message, deadline, &err), SY_ECLOSED,
                      &err);
    }
    syi_message_fini(&message);
    syi_frame_reader_free(reader);
    syi_connection_close(connection);
}

static void test_worker_inproc(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    bob server;
    bob_start(&server, NULL);
    const syi_service service = syi_worker_service(server.worker);
    for (int first = 0; first < whole_blocks() && record == NULL; first = connection_end(first)) {
        syi_connection *connection = NULL;
        assert_ok(syi_inproc_pair(server.context, &connection, "bob", NULL, NULL, &service, &err),
                  &err);
        replay_messages(&server, connection, first, connection_end(first), "inproc");
    }
    bob_stop(&server);
    finish_checks();
}

static void test_worker_websocket(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL; /* bob's own draws belong to his sessions */
    bob server;
    bob_start(&server, "ws://127.0.0.1:0");
    assert_ok(sy_context_new(&context, NULL, &err), &err);
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT};
    for (int first = 0; first < whole_blocks() && record == NULL; first = connection_end(first)) {
        syi_connection *connection = NULL;
        assert_ok(syi_connect(context, &connection, server.url, &options, &err), &err);
        bob reading = {.context = context};
        replay_messages(&reading, connection, first, connection_end(first), "websocket");
    }
    sy_context_free(context);
    bob_stop(&server);
    finish_checks();
}

/* --- 3. tables --------------------------------------------------------------------------------- */

/* Rows "| CODE | `NAME` | TEXT |" of the page. */
static int page_rows(const char *prefix)
{
    int rows = 0;
    for (const char *at = page; (at = strstr(at, prefix)) != NULL; at++) {
        rows++;
    }
    return rows;
}

static void test_status_codes(void **state)
{
    (void)state;
    char row[128];
    int count = 0;
#define STATUS_ROW(name, code, text)                                           \
    snprintf(row, sizeof row, "\n| %d | `SY_%s` | %s |", (code), #name, text); \
    if (strstr(page, row) == NULL) {                                           \
        fail_msg("wire.md has no row%s", row);                                 \
    }                                                                          \
    count++;
    SY_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
    assert_int_equal(page_rows(" | `SY_"), count);
}

static void test_kinds(void **state)
{
    (void)state;
    char row[128];
    int count = 0;
#define KIND_ROW(name, code, spelling, answered)                                               \
    snprintf(row, sizeof row, "\n| %d | %s | %s |", (code), #name, (answered) ? "yes" : "no"); \
    if (strstr(page, row) == NULL) {                                                           \
        fail_msg("wire.md has no row%s", row);                                                 \
    }                                                                                          \
    count++;
    SYI_KIND_MAP(KIND_ROW)
#undef KIND_ROW
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_worker_raw),
        cmocka_unit_test(test_worker_pipelined),
        cmocka_unit_test(test_worker_inproc),
        cmocka_unit_test(test_worker_websocket),
        cmocka_unit_test(test_status_codes),
        cmocka_unit_test(test_kinds),
    };
    const char *path = getenv("CSYFT_WIRE_RECORD");
    if (path != NULL) {
        record = fopen(path, "w");
    }
    const int failed = cmocka_run_group_tests(tests, read_blocks, NULL);
    if (record != NULL) {
        fclose(record);
    }
    free(page);
    return failed;
}
