/* csyft.h - everything. */
#ifndef CSYFT_H
#define CSYFT_H

#include <csyft/accountants.h>
#include <csyft/arguments.h>
#include <csyft/caller.h>
#include <csyft/command.h>
#include <csyft/context.h>
#include <csyft/custom_worker.h>
#include <csyft/datasets.h>
#include <csyft/federated.h>
#include <csyft/grid.h>
#include <csyft/hook.h>
#include <csyft/id.h>
#include <csyft/interpreter.h>
#include <csyft/ledger.h>
#include <csyft/loop.h>
#include <csyft/mechanisms.h>
#include <csyft/message_log.h>
#include <csyft/model.h>
#include <csyft/multi_pointer.h>
#include <csyft/nn.h>
#include <csyft/old_plan.h>
#include <csyft/operations_here.h>
#include <csyft/optim.h>
#include <csyft/overload.h>
#include <csyft/pate.h>
#include <csyft/plan.h>
#include <csyft/pointer.h>
#include <csyft/polynomial.h>
#include <csyft/precision.h>
#include <csyft/protobuf.h>
#include <csyft/protocol.h>
#include <csyft/queries.h>
#include <csyft/scope.h>
#include <csyft/securenn.h>
#include <csyft/sharing.h>
#include <csyft/status.h>
#include <csyft/tensor.h>
#include <csyft/tls.h>
#include <csyft/trace.h>
#include <csyft/training_log.h>
#include <csyft/value.h>
#include <csyft/version.h>
#include <csyft/worker.h>

#endif
