/* metrics.c - see metrics.h. */
#include "metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"

static const double seconds_between_plots = 3;

void metrics_take(metrics *m, int option, const char *value)
{
    const char **const places[] = {&m->path, &m->workers_path, &m->plot_path};
    *places[option] = value;
}

/* The plot is drawn from a file. */
static sy_status make_temporary(metrics *m, sy_error *err)
{
    const char *parent = getenv("TMPDIR");
    const int length = snprintf(m->temporary, sizeof m->temporary, "%s/csyft-metrics-XXXXXX",
                                parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    const int file = length < (int)sizeof m->temporary ? mkstemp(m->temporary) : -1;
    if (file < 0) {
        *err = (sy_error){.status = SY_EIO};
        snprintf(err->message, sizeof err->message, "a file for the plot's numbers, %.200s: %s",
                 m->temporary, strerror(errno));
        m->temporary[0] = '\0';
        return SY_EIO;
    }
    close(file);
    return SY_OK;
}

static const char *path_of(const metrics *m)
{
    return m->path != NULL ? m->path : m->temporary;
}

sy_status metrics_open(metrics *m, sy_context *context, int64_t rounds, sy_error *err)
{
    sy_status status = SY_OK;
    m->context = context;
    m->drawn = true;
    m->drawn_at = progress_clock() - seconds_between_plots;
    if (m->path == NULL && m->workers_path == NULL && m->plot_path == NULL) {
        return SY_OK;
    }
    if (m->path == NULL) {
        status = make_temporary(m, err);
    }
    return status == SY_OK
               ? sy_training_log_open(&m->log, context, path_of(m), m->workers_path, rounds, err)
               : status;
}

static sy_status draw(metrics *m, sy_error *err)
{
    m->drawn = true;
    m->drawn_at = progress_clock();
    return sy_training_log_plot(m->context, path_of(m), m->plot_path, m->title, err);
}

sy_status metrics_add(metrics *m, int64_t round, const sy_round_report *report,
                      const sy_shard *shards, const sy_shard_report *reports, size_t count,
                      const sy_evaluation *evaluation, sy_error *err)
{
    if (m->log == NULL) {
        return SY_OK;
    }
    sy_status status =
        sy_training_log_add(m->log, round, report, shards, reports, count, evaluation, err);
    m->drawn = m->plot_path == NULL;
    if (status == SY_OK && !m->drawn && progress_clock() - m->drawn_at >= seconds_between_plots) {
        status = draw(m, err);
    }
    return status;
}

sy_status metrics_close(metrics *m, sy_error *err)
{
    const sy_status status = m->log == NULL || m->drawn ? SY_OK : draw(m, err);
    sy_training_log_close(m->log);
    m->log = NULL;
    if (m->temporary[0] != '\0') {
        unlink(m->temporary);
        m->temporary[0] = '\0';
    }
    return status;
}
