/*
 * training_plot.c - a log of rounds as an SVG picture: losses above, accuracy below, over one axis of rounds. Part of training_log.h.
 * Test: training_plot_test.c.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/utf8.h"
#include "federated/training/training_log.h"
#include "formats/decimal.h"
#include "formats/file.h"

enum {
    WIDTH = 720,
    HEIGHT = 480,
    LEFT = 72,
    RIGHT = WIDTH - 24,
    TOP = 64,
    BOTTOM = HEIGHT - 48,
    BETWEEN = 22,     /* panels */
    MARKED_MAX = 40,  /* so many points or fewer have a mark each */
    TITLE_SIZE = 100, /* bytes */
    SVG_MAX = 1 << 26
};
/* Beyond it differences of two numbers may be infinite. */
static const double drawn_max = 1e300;

/* Values of one picture axis, with ticks at low, low + 1, ... high times factor * 10^exponent. */
typedef struct axis {
    double factor, from, to; /* values */
    int exponent;
    double low, high;
    double start, end; /* pixels of from and to */
} axis;

typedef struct series {
    const char *class_, *name;
    size_t offset; /* of the number in a round */
} series;
static const series all_series[] = {
    {"train", "training loss", offsetof(syi_logged_round, loss)},
    {"test", "test loss", offsetof(syi_logged_round, test_loss)},
    {"right", "test accuracy", offsetof(syi_logged_round, test_accuracy)},
};
enum { SERIES_COUNT = 3, LOSSES = 2 };

typedef struct plot {
    syi_buffer svg;
    const syi_logged_rounds *rounds;
    axis x;
    bool drawn[SERIES_COUNT];
} plot;

/* --- numbers -------------------------------------------------------------------------------------- */

static double value_of(const plot *p, size_t k, int which)
{
    const double *value = (const double *)(const void *)((const char *)&p->rounds->items[k] +
                                                         all_series[which].offset);
    return fabs(*value) <= drawn_max ? *value : (double)NAN;
}

static double unit(const axis *a)
{
    return a->factor * pow(10, a->exponent);
}

/* Steps of 1, 2 or 5 times a power of ten, about `ticks` of them. */
static void axis_scale(axis *a, double from, double to, int ticks, bool whole)
{
    static const double factors[] = {1, 2, 5, 10};
    if (!(to - from > fmax(1e-290, 1e-12 * fmax(fabs(from), fabs(to))))) { /* one value */
        const double around = whole || fabs(from) < 1e-280 ? 0.5 : fabs(from) / 10;
        from -= around;
        to += around;
    }
    const double rough = (to - from) / ticks;
    int k = 0;
    a->exponent = (int)floor(log10(rough));
    if (whole && a->exponent < 0) {
        a->exponent = 0;
    }
    while (k < 3 && factors[k] * pow(10, a->exponent) < rough) {
        k++;
    }
    a->factor = factors[k];
    a->from = from;
    a->to = to;
    a->low = ceil(from / unit(a) - 1e-9);
    a->high = floor(to / unit(a) + 1e-9);
}

/* So that it begins and ends at ticks. */
static void axis_widen(axis *a)
{
    a->low = floor(a->from / unit(a) + 1e-9);
    a->high = ceil(a->to / unit(a) - 1e-9);
    a->from = a->low * unit(a);
    a->to = a->high * unit(a);
}

static double axis_at(const axis *a, double value)
{
    return a->start + (value - a->from) / (a->to - a->from) * (a->end - a->start);
}

/* --- text ----------------------------------------------------------------------------------------- */

static void put(plot *p, const char *text)
{
    syi_buffer_append(&p->svg, text, strlen(text));
}

/* Pixels in tenths, without the locale's point. */
static void put_pixels(plot *p, double pixels)
{
    char text[32];
    const long tenths = lround(pixels * 10);
    snprintf(text, sizeof text, "%s%ld.%ld", tenths < 0 ? "-" : "", labs(tenths) / 10,
             labs(tenths) % 10);
    put(p, text);
}

/* " x1=\"12.0\"", say */
static void put_attribute(plot *p, const char *name, double pixels)
{
    put(p, " ");
    put(p, name);
    put(p, "=\"");
    put_pixels(p, pixels);
    put(p, "\"");
}

static void put_escaped(plot *p, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            put(p, "&amp;");
            break;
        case '<':
            put(p, "&lt;");
            break;
        case '>':
            put(p, "&gt;");
            break;
        case '"':
            put(p, "&quot;");
            break;
        default:
            syi_buffer_put(&p->svg, (uint8_t)*text);
        }
    }
}

/* A tick: tick * factor * 10^exponent with the digits that the axis needs. */
static void put_tick(plot *p, const axis *a, double tick)
{
    char text[SYI_DECIMAL_SIZE];
    const double scaled = tick * a->factor;
    if (scaled == 0) {
        put(p, "0");
    } else if (a->exponent > 6 || a->exponent < -6 || fabs(scaled) > 1e9) {
        (void)syi_decimal_format_double(text, a->exponent < 0 ? scaled / pow(10, -a->exponent)
                                                              : scaled * pow(10, a->exponent));
        put(p, text);
    } else {
        const int digits = a->exponent < 0 ? -a->exponent : 0;
        const int64_t base = (int64_t)pow(10, digits),
                      whole = (int64_t)fabs(scaled) * (int64_t)pow(10, a->exponent + digits);
        snprintf(text, sizeof text, "%s%" PRId64, scaled < 0 ? "-" : "", whole / base);
        put(p, text);
        if (digits > 0) {
            snprintf(text, sizeof text, ".%0*" PRId64, digits, whole % base);
            put(p, text);
        }
    }
}

static void put_line(plot *p, const char *class_, double x1, double y1, double x2, double y2)
{
    put(p, "<line class=\"");
    put(p, class_);
    put(p, "\"");
    put_attribute(p, "x1", x1);
    put_attribute(p, "y1", y1);
    put_attribute(p, "x2", x2);
    put_attribute(p, "y2", y2);
    put(p, "/>\n");
}

/* Begins a text at a place; what follows is in it up to put_end. */
static void put_place(plot *p, const char *anchor, double x, double y)
{
    put(p, "<text text-anchor=\"");
    put(p, anchor);
    put(p, "\"");
    put_attribute(p, "x", x);
    put_attribute(p, "y", y);
    put(p, ">");
}

static void put_end(plot *p)
{
    put(p, "</text>\n");
}

/* --- parts of the picture ------------------------------------------------------------------------- */

/* Colours of equal contrast on their backgrounds; lines differ in their dashes, too. */
static const char head[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 480\" width=\"720\" "
    "height=\"480\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n";
static const char style[] =
    "<style>\n"
    ".back{fill:#ffffff}text{fill:#1f2328}.grid{stroke:#d1d9e0}.axis{stroke:#59636e}\n"
    ".train,.test,.right{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    ".train{stroke:#0969da}.test{stroke:#bc4c00;stroke-dasharray:6 3}.right{stroke:#1a7f37}\n"
    ".mark{stroke-dasharray:none}.title{font-size:16px;font-weight:600}\n"
    "@media (prefers-color-scheme:dark){\n"
    ".back{fill:#0d1117}text{fill:#f0f6fc}.grid{stroke:#3d444d}.axis{stroke:#9198a1}\n"
    ".train{stroke:#4493f8}.test{stroke:#f0883e}.right{stroke:#3fb950}}\n"
    "</style>\n<rect class=\"back\" width=\"720\" height=\"480\"/>\n";

static void draw_head(plot *p, const char *title)
{
    char clean[TITLE_SIZE];
    syi_utf8_store(clean, sizeof clean, title != NULL ? title : "federated training");
    put(p, head);
    put(p, "<title>");
    put_escaped(p, clean);
    put(p, "</title>\n");
    put(p, style);
    put(p, "<text class=\"title\" x=\"72\" y=\"26\">");
    put_escaped(p, clean);
    put_end(p);
}

static void draw_legend(plot *p)
{
    double x = LEFT;
    for (int k = 0; k < SERIES_COUNT; k++) {
        if (p->drawn[k]) {
            put_line(p, all_series[k].class_, x, 45, x + 28, 45);
            put_place(p, "start", x + 36, 49);
            put(p, all_series[k].name);
            put_end(p);
            x += 160;
        }
    }
}

static void draw_y_axis(plot *p, const axis *y, const char *name)
{
    for (double tick = y->low; tick <= y->high; tick++) {
        const double at = axis_at(y, tick * unit(y));
        put_line(p, "grid", LEFT, at, RIGHT, at);
        put_place(p, "end", LEFT - 8, at + 4.5);
        put_tick(p, y, tick);
        put_end(p);
    }
    put_line(p, "axis", LEFT, y->start, LEFT, y->end);
    put_line(p, "axis", LEFT, y->start, RIGHT, y->start);
    put(p, "<text text-anchor=\"middle\" transform=\"translate(18,");
    put_pixels(p, (y->start + y->end) / 2);
    put(p, ") rotate(-90)\">");
    put(p, name);
    put_end(p);
}

static void draw_x_axis(plot *p, double bottom, bool with_numbers)
{
    for (double tick = p->x.low; tick <= p->x.high; tick++) {
        const double at = axis_at(&p->x, tick * unit(&p->x));
        put_line(p, "axis", at, bottom, at, bottom + 5);
        if (with_numbers) {
            put_place(p, "middle", at, bottom + 20);
            put_tick(p, &p->x, tick);
            put_end(p);
        }
    }
    if (with_numbers) {
        put_place(p, "middle", (LEFT + RIGHT) / 2.0, bottom + 40);
        put(p, "round");
        put_end(p);
    }
}

static void put_point(plot *p, const axis *y, size_t k, int which)
{
    put_pixels(p, axis_at(&p->x, p->rounds->items[k].round));
    put(p, ",");
    put_pixels(p, axis_at(y, value_of(p, k, which)));
    put(p, " ");
}

/* Of all points in one column of pixels, from k on, those of the least and the greatest value, in their order; returns the first point
 * behind the column. */
static size_t put_column(plot *p, const axis *y, size_t k, int which)
{
    const long column = lround(axis_at(&p->x, p->rounds->items[k].round));
    size_t least = k, greatest = k, next = k;
    for (;
         next < p->rounds->count && lround(axis_at(&p->x, p->rounds->items[next].round)) == column;
         next++) {
        const double value = value_of(p, next, which);
        least =
            value < value_of(p, least, which) || isnan(value_of(p, least, which)) ? next : least;
        greatest = value > value_of(p, greatest, which) || isnan(value_of(p, greatest, which))
                       ? next
                       : greatest;
    }
    if (!isnan(value_of(p, least, which))) {
        put_point(p, y, least < greatest ? least : greatest, which);
        if (least != greatest) {
            put_point(p, y, least < greatest ? greatest : least, which);
        }
    }
    return next;
}

static void draw_series(plot *p, const axis *y, int which)
{
    size_t points = 0;
    put(p, "<polyline class=\"");
    put(p, all_series[which].class_);
    put(p, "\" points=\"");
    for (size_t k = 0; k < p->rounds->count;) {
        k = put_column(p, y, k, which);
    }
    put(p, "\"/>\n");
    for (size_t k = 0; k < p->rounds->count; k++) {
        points += isnan(value_of(p, k, which)) ? 0 : 1;
    }
    for (size_t k = 0; k < p->rounds->count && points <= MARKED_MAX; k++) {
        if (!isnan(value_of(p, k, which))) {
            put(p, "<circle class=\"mark ");
            put(p, all_series[which].class_);
            put(p, "\" r=\"2\"");
            put_attribute(p, "cx", axis_at(&p->x, p->rounds->items[k].round));
            put_attribute(p, "cy", axis_at(y, value_of(p, k, which)));
            put(p, "/>\n");
        }
    }
}

/* One panel with the series from `first` to before `end`. */
static void draw_panel(plot *p, const char *name, int first, int end, double top, double bottom)
{
    axis y = {.start = bottom, .end = top};
    double least = (double)INFINITY, greatest = -(double)INFINITY;
    for (size_t k = 0; k < p->rounds->count; k++) {
        for (int which = first; which < end; which++) {
            const double value = value_of(p, k, which);
            least = value < least ? value : least;
            greatest = value > greatest ? value : greatest;
        }
    }
    if (!(least <= greatest)) { /* nothing finite */
        least = 0;
        greatest = 1;
    }
    axis_scale(&y, least >= 0 && least < greatest / 2 ? 0 : least, greatest,
               (int)((bottom - top) / 30), false);
    axis_widen(&y);
    draw_y_axis(p, &y, name);
    draw_x_axis(p, bottom, bottom == BOTTOM);
    for (int which = first; which < end; which++) {
        if (p->drawn[which]) {
            draw_series(p, &y, which);
        }
    }
}

static void draw(plot *p, const char *title)
{
    const double middle = TOP + (BOTTOM - TOP) * 0.52;
    const bool accuracy = p->drawn[LOSSES];
    p->x = (axis){.start = LEFT, .end = RIGHT};
    axis_scale(&p->x, p->rounds->items[0].round, p->rounds->items[p->rounds->count - 1].round, 9,
               true);
    draw_head(p, title);
    draw_legend(p);
    draw_panel(p, "loss", 0, LOSSES, TOP, accuracy ? middle - BETWEEN / 2.0 : BOTTOM);
    if (accuracy) {
        draw_panel(p, "accuracy", LOSSES, SERIES_COUNT, middle + BETWEEN / 2.0, BOTTOM);
    }
    put(p, "</svg>\n");
}

sy_status sy_training_log_plot(sy_context *context, const char *path, const char *svg_path,
                               const char *title, sy_error *err)
{
    syi_logged_rounds rounds;
    if (context == NULL || path == NULL || svg_path == NULL) {
        return syi_fail(err, SY_EINVAL, "training plot: context or path is NULL");
    }
    sy_status status = syi_logged_rounds_read(&rounds, context, path, err);
    if (status == SY_OK && rounds.count == 0) {
        status = syi_fail_object(err, SY_ERANGE, path, "%s: there is no round in it", path);
    }
    if (status == SY_OK) {
        plot p = {.rounds = &rounds};
        syi_buffer_init(&p.svg, context, SVG_MAX);
        for (size_t k = 0; k < rounds.count; k++) {
            for (int which = 0; which < SERIES_COUNT; which++) {
                p.drawn[which] = p.drawn[which] || !isnan(value_of(&p, k, which));
            }
        }
        draw(&p, title);
        status = syi_buffer_check(&p.svg, svg_path, err);
        if (status == SY_OK) {
            const syi_bytes part = {p.svg.data, p.svg.length};
            status = syi_file_replace(context, svg_path, &part, 1, err);
        }
        syi_buffer_fini(&p.svg);
    }
    syi_logged_rounds_fini(&rounds);
    return status;
}
