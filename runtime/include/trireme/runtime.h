#pragma once

// Everything of the runtime. Programs that want faster compiles include the single headers.
#include "trireme/runtime/adamw.h"
#include "trireme/runtime/autocast.h"
#include "trireme/runtime/checkpoint.h"
#include "trireme/runtime/comm_hook.h"
#include "trireme/runtime/deepspeed_config.h"
#include "trireme/runtime/join.h"
#include "trireme/runtime/metrics.h"
#include "trireme/runtime/model_flops.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/schedule.h"
#include "trireme/runtime/steps.h"
#include "trireme/runtime/sync_batch_norm.h"
#include "trireme/runtime/timeline.h"
#include "trireme/runtime/token_loader.h"
#include "trireme/runtime/train_context.h"
