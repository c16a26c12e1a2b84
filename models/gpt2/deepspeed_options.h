#pragma once

#include "train_options.h"
#include "trireme/runtime/deepspeed_config.h"

namespace trireme {

// Takes what `config` says into `options`, but for what was given on the command line. Pure. Throws ConfigError for an
// optimizer other than AdamW.
void apply_deepspeed(const DeepSpeedConfig& config, TrainOptions& options);

}  // namespace trireme
