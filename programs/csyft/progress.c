/* progress.c - see progress.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

enum { BAR_MAX = 40, BAR_MIN = 10 };

double progress_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void progress_begin(progress *p, const char *title, int64_t total)
{
    *p = (progress){.title = title,
                    .total = total,
                    .on_terminal = isatty(STDERR_FILENO) == 1,
                    .started = progress_clock()};
}

static void draw(const progress *p, int64_t done, const char *note)
{
    struct winsize window = {0};
    int columns = 80;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) {
        columns = window.ws_col;
    }
    char counts[64];
    snprintf(counts, sizeof counts, "%3" PRId64 "/%" PRId64, done, p->total);
    /* "title [bar] counts note", in one line of the terminal */
    int width = columns - (int)(strlen(p->title) + strlen(counts) + strlen(note)) - 6;
    width = width > BAR_MAX ? BAR_MAX : width;
    fprintf(stderr, "\r%s ", p->title);
    if (width >= BAR_MIN) {
        const int filled = (int)(done * width / p->total);
        fputc('[', stderr);
        for (int k = 0; k < width; k++) {
            fputc(k < filled ? '#' : '.', stderr);
        }
        fputs("] ", stderr);
    }
    fprintf(stderr, "%s %s\033[K", counts, note);
    fflush(stderr);
}

void progress_show(progress *p, int64_t done, const char *note)
{
    if (!p->on_terminal) {
        fprintf(stderr, "%s: %" PRId64 "/%" PRId64 " %s\n", p->title, done, p->total, note);
        return;
    }
    const double now = progress_clock();
    if (now - p->drawn >= 0.1 || done == p->total) {
        p->drawn = now;
        draw(p, done, note);
    }
}

void progress_end(progress *p)
{
    if (p->on_terminal) {
        fputs("\r\033[K", stderr);
    }
}
