/*
 * training_log.h - a federated training as numbers that other programs read and as a picture: a line per round in a CSV file, which
 * goes on where a checkpoint does, and a plot of loss and accuracy over rounds in SVG.
 *
 *     if there is a checkpoint: sy_trainer_load(trainer, "model.safetensors", err);
 *     sy_training_log_open(&log, context, "rounds.csv", "shards.csv", sy_trainer_get_rounds(trainer), err);
 *     each round: sy_trainer_round(trainer, shards, 3, &options, &report, reports, err);
 *                 sy_training_log_add(log, sy_trainer_get_rounds(trainer), &report, shards, reports, 3, NULL, err);
 *                 sy_trainer_save(trainer, "model.safetensors", err);
 *     sy_training_log_plot(context, "rounds.csv", "rounds.svg", "three hospitals", err);
 *
 * The files are CSV (RFC 4180, lines end in \n) in UTF-8 with a line of names, the same in every locale, for pandas, R and gnuplot
 * as they are. One table for one kind of thing:
 *
 *     rounds  round,seconds,asked,counted,rows,loss,test_rows,test_loss,test_accuracy
 *     shards  round,worker,dataset,counted,rows,batches,loss,why
 *
 * asked and counted are numbers of shards in the one; in the other there is a line for each shard that was asked, and counted is 0 or 1.
 * What is not known is an empty field: the last three in rounds without an evaluation, rows and loss of a shard that is not counted, and a
 * loss that its worker does not tell. Losses are in
 * the fewest digits that read back equal, accuracies from 0 to 1, seconds with six digits at most.
 *
 * Names and reasons come from other people's machines. They stand in quotes, without control characters, and have an
 * apostrophe before a character that would begin a formula in a spreadsheet (= + - @, also after a separator).
 *
 * Threads: a log belongs to one thread.
 */
#ifndef CSYFT_TRAINING_LOG_H
#define CSYFT_TRAINING_LOG_H

#include <csyft/federated.h>

SY_BEGIN_DECLS

typedef struct sy_training_log sy_training_log;

/*
 * `rounds`: how many are done, sy_trainer_get_rounds. Lines up to that one stay and the log goes on behind them; those of later rounds, which
 * no checkpoint knows, are taken away, and so is a last line that a kill cut short. 0: the files begin anew. shards_path NULL: no such file.
 * SY_EFORMAT: a file that is not empty and no such log, which stays as it is; SY_EIO names the file; SY_EINVAL: a path that is NULL, both are one
 * file, or rounds is negative; SY_ENOMEM.
 */
SY_API sy_status sy_training_log_open(sy_training_log **log, sy_context *context, const char *path,
                                      const char *shards_path, int64_t rounds, sy_error *err);
/*
 * A round that is done. Each file gets its lines in one write; what follows a crash says sy_training_log_open. `count` shards and their
 * reports, of which the log keeps nothing; both NULL and count 0: only the round. `evaluation`, nullable: on rows that were not trained on.
 * Add a round before the checkpoint of it is saved, and no line is missing or twice whenever the program is killed.
 * SY_EINVAL: a round that is not later than the last one, or reports without shards; SY_EIO: then the files are as they were.
 */
SY_API sy_status sy_training_log_add(sy_training_log *log, int64_t round,
                                     const sy_round_report *report, const sy_shard *shards,
                                     const sy_shard_report *shard_reports, size_t count,
                                     const sy_evaluation *evaluation, sy_error *err);
SY_API void sy_training_log_close(sy_training_log *log); /* NULL is nothing */

/*
 * Draws the loss, the loss of the evaluation and its accuracy over the rounds of a log, which may be open, as an SVG file: 720 x 480,
 * readable on light and dark screens. `title` nullable. Of more rounds than there are pixels, the least and the greatest of each pixel are drawn.
 * The file is whole or as it was before. SY_ENOTFOUND, SY_EFORMAT: `path` is no log of rounds, names the line; SY_ERANGE: no round in it;
 * SY_EIO, SY_ENOMEM.
 */
SY_API sy_status sy_training_log_plot(sy_context *context, const char *path, const char *svg_path,
                                      const char *title, sy_error *err);

SY_END_DECLS

#endif
