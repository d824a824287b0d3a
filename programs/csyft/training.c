/* training.c - see training.h. */
#include "training.h"

#include <math.h>
#include <stdlib.h>

static sy_status fail(sy_error *err, sy_status status, const char *sentence)
{
    *err = (sy_error){.status = status};
    snprintf(err->message, sizeof err->message, "%s", sentence);
    return status;
}

/* One model goes from shard to shard. */
static sy_status go_round(training *t, sy_shard_report *reports, sy_error *err)
{
    const double began = progress_clock();
    sy_status status = SY_OK;
    double loss = 0;
    t->report = (sy_round_report){0};
    for (size_t k = 0; status == SY_OK && k < t->count; k++) {
        sy_fit_result *result = &reports[k].result;
        status = sy_trainer_fit(t->trainer, &t->shards[k], &t->options.fit, result, err);
        reports[k].asked = reports[k].counted = status == SY_OK;
        t->report.counted += status == SY_OK ? 1 : 0;
        t->report.rows += status == SY_OK ? result->rows : 0;
        loss += status == SY_OK ? result->loss * (double)result->rows : 0;
    }
    t->report.loss = t->report.rows > 0 ? loss / (double)t->report.rows : 0;
    t->report.seconds = progress_clock() - began;
    return status;
}

static void show(training *t, bool evaluated)
{
    char note[96];
    const sy_evaluation *e = &t->evaluation;
    int length = 0;
    note[0] = '\0';
    if (!isnan(t->report.loss)) { /* workers that add noise do not tell it */
        length = snprintf(note, sizeof note, "loss %.4g", t->report.loss);
    }
    if (evaluated && e->rows > 0 && e->right >= 0) {
        length += snprintf(note + length, sizeof note - (size_t)length, " accuracy %.3f",
                           (double)e->right / (double)e->rows);
    } else if (evaluated) {
        length += snprintf(note + length, sizeof note - (size_t)length, " test loss %.4g", e->loss);
    }
    if (t->report.counted < t->count) {
        snprintf(note + length, sizeof note - (size_t)length, " %zu of %zu workers",
                 t->report.counted, t->count);
    }
    progress_show(&t->bar, t->done, note);
}

static sy_status make_round(training *t, sy_shard_report *reports, sy_error *err)
{
    sy_status status = t->sequential ? go_round(t, reports, err)
                                     : sy_trainer_round(t->trainer, t->shards, t->count,
                                                        &t->options, &t->report, reports, err);
    if (status != SY_OK) {
        return status;
    }
    t->done++;
    const bool evaluated =
        t->evaluate != NULL && (t->done % t->evaluate_every == 0 || t->done == t->rounds);
    if (evaluated) {
        status = t->evaluate(t->user, &t->evaluation, err);
    }
    if (status == SY_OK && t->metrics != NULL) {
        status = metrics_add(t->metrics, t->done, &t->report, t->shards, reports, t->count,
                             evaluated ? &t->evaluation : NULL, err);
    }
    /* After the log: what it says of rounds that are in no checkpoint is taken away when it goes on. */
    if (status == SY_OK && t->checkpoint != NULL) {
        status = sy_trainer_save(t->trainer, t->checkpoint, err);
    }
    if (status == SY_OK && t->tell != NULL) {
        t->tell(t, reports, evaluated);
    }
    if (status == SY_OK) {
        show(t, evaluated);
    }
    return status;
}

sy_status training_run(training *t, const char *title, sy_error *err)
{
    sy_shard_report *reports = calloc(t->count, sizeof *reports);
    sy_status status = reports != NULL ? SY_OK : fail(err, SY_ENOMEM, "no memory for the reports");
    t->done = sy_trainer_get_rounds(t->trainer);
    progress_begin(&t->bar, title, t->rounds);
    while (status == SY_OK && t->done < t->rounds) {
        status =
            *t->interrupted ? fail(err, SY_ECANCELED, "interrupted") : make_round(t, reports, err);
    }
    progress_end(&t->bar);
    free(reports);
    return status;
}
