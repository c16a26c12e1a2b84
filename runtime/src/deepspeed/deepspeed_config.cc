#include "trireme/runtime/deepspeed_config.h"

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "deepspeed/deepspeed_schedule.h"
#include "deepspeed/json_section.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 32;
constexpr double kLarge = 1e18;
constexpr const char* kUnknown = "not an option that has a counterpart here";

// As DeepSpeed does, refuses keys that stand twice.
Json parse(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> open;
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kDeepest)
      throw ConfigError(message("{}: objects or lists are nested deeper than {}.", where, kDeepest));
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second) {
      throw ConfigError(message("{}: the key {} stands twice in one object.", where, value.get<std::string>()));
    }
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const Json::exception& error) {
    throw ConfigError(message("{}: this is not JSON: {}", where, error.what()));
  }
}

void read_zero(JsonSection& zero, ParallelOptions& parallel) {
  const auto stage = zero.count("stage", 0, "ParallelOptions::zero").value_or(0);
  if (stage > 3) zero.refuse("stage", message("is {}, but must be 0, 1, 2 or 3.", stage));
  parallel.zero = static_cast<Zero>(stage);
  if (zero.count("mics_shard_size", -1, "").value_or(-1) > 0) {
    parallel.shard_over = ShardOver::kNode;
    zero.ignore("mics_shard_size", "its size; shards are spread over the ranks of a node (ShardOver::kNode)");
  }
  if (auto offload = zero.section("offload_param")) {
    const auto device = offload->word("device", "").value_or("none");
    if (device != "none" && stage != 3) offload->refuse("device", "needs zero_optimization.stage 3.");
    offload->ignore_rest({}, "parameters stay on the device that computes");
  }
  if (auto offload = zero.section("offload_optimizer")) {
    const auto device = offload->word("device", "").value_or("none");
    if (device != "none" && stage == 0) offload->refuse("device", "needs zero_optimization.stage 1 or more.");
    if (device == "cpu") {
      static_cast<void>(offload->word("device", "ParallelOptions::offload"));
      parallel.offload = true;
    } else if (device != "none") {
      offload->ignore("device", "files are not used as memory");
    }
    offload->ignore_rest({}, "a detail of offloading");
  }
  if (stage == 3) {
    parallel.whole_below_elements =
        zero.count("stage3_param_persistence_threshold", 0, "ParallelOptions::whole_below_elements").value_or(0);
  }
  zero.ignore_rest(
      {{"allgather_bucket_size", "the buckets of gradients serve both ways"},
       {"reduce_bucket_size", "buckets fit the caches, not a GPU's memory; see ParallelOptions::bucket_bytes"},
       {"overlap_comm", "reduction always overlaps backward"},
       {"contiguous_gradients", "gradients are always contiguous"},
       {"reduce_scatter", "it is always used"},
       {"allgather_partitions", "it is always used, and nothing is gathered where ranks share a copy"},
       {"round_robin_gradients", "blocks are equal"},
       {"sub_group_size", "updates run bucket by bucket"},
       {"stage3_max_live_parameters", "what is gathered follows from the units"},
       {"stage3_max_reuse_distance", "see ParallelOptions::keep_after_forward"},
       {"stage3_prefetch_bucket_size", "the next unit is gathered ahead"},
       {"stage3_param_persistence_threshold", "needs stage 3"},
       {"stage3_gather_16bit_weights_on_model_save", "checkpoints load at any stage and world size"},
       {"zero_hpz_partition_size", "see Sharing: the ranks of a node can share one copy"},
       {"zero_quantized_weights", "not offered"},
       {"zero_quantized_gradients", "not offered; see reduce_dtype"},
       {"load_from_fp32_weights", "checkpoints hold the float32 masters"},
       {"elastic_checkpoint", "checkpoints load at any world size"}},
      kUnknown);
}

LossScale read_loss_scale(JsonSection& fp16) {
  const auto fixed = fp16.number("loss_scale", 0, kLarge, "ParallelOptions::loss_scale").value_or(0);
  const auto power = fp16.count("initial_scale_power", 0, "LossScale::initial, 2 to the power").value_or(16);
  if (power > 60) fp16.refuse("initial_scale_power", message("is {}, but must be at most 60.", power));
  LossScale scale;
  scale.initial = std::ldexp(1.0, static_cast<int>(power));
  scale.most = kLarge * 2;
  scale.growth_interval = fp16.count("loss_scale_window", 1, "LossScale::growth_interval").value_or(1000);
  scale.hysteresis = static_cast<int>(fp16.number("hysteresis", 1, 1e6, "LossScale::hysteresis").value_or(2));
  scale.least = fp16.number("min_loss_scale", 1e-18, kLarge, "LossScale::least").value_or(1);
  if (scale.least > scale.initial) fp16.refuse("min_loss_scale", "is above the initial scale.");
  fp16.ignore_rest({{"auto_cast", "inputs are the program's to convert"},
                    {"consecutive_hysteresis", "overflows count until the scale grows"},
                    {"fp16_master_weights_and_grads", "masters are float32"}},
                   kUnknown);
  return fixed == 0 ? scale : constant_loss_scale(fixed);
}

void read_precision(JsonSection& root, ParallelOptions& parallel) {
  auto bf16 = root.section("bf16");
  if (!bf16) bf16 = root.section("bfloat16");
  auto fp16 = root.section("fp16");
  const bool wants_bf16 = bf16 && bf16->flag("enabled", "ParallelOptions::precision").value_or(false);
  const bool wants_fp16 = fp16 && fp16->flag("enabled", "ParallelOptions::precision").value_or(false);
  if (wants_bf16 && wants_fp16) root.refuse("fp16", "and bf16 are both enabled; choose one.");
  if (bf16) bf16->ignore_rest({}, wants_bf16 ? "a detail of DeepSpeed's optimizer" : "bf16 is not enabled");
  if (wants_bf16) parallel.precision = Precision::kBf16;
  if (wants_fp16) {
    parallel.precision = Precision::kFp16;
    parallel.loss_scale = read_loss_scale(*fp16);
  } else if (fp16) {
    fp16->ignore_rest({}, "fp16 is not enabled");
  }
}

std::optional<Precision> read_dtype(JsonSection& section, const std::string& key) {
  static const std::map<std::string, Precision> kNames{{"fp32", Precision::kFloat32},
                                                       {"fp16", Precision::kFp16},
                                                       {"bf16", Precision::kBf16},
                                                       {"bfp16", Precision::kBf16},
                                                       {"bfloat16", Precision::kBf16}};
  const auto name = section.word(key, "ParallelOptions::reduce_dtype");
  if (!name) return std::nullopt;
  const auto found = kNames.find(*name);
  if (found == kNames.end()) section.refuse(key, message("is \"{}\", but must be fp32, fp16 or bf16.", *name));
  return found->second;
}

void read_reduce_dtype(JsonSection& root, ParallelOptions& parallel) {
  parallel.reduce_dtype = read_dtype(root, "communication_data_type");
  if (auto types = root.section("data_types")) {
    const auto accumulated = read_dtype(*types, "grad_accum_dtype");
    if (accumulated && parallel.reduce_dtype.value_or(*accumulated) != *accumulated) {
      types->refuse("grad_accum_dtype", "differs from communication_data_type; here they are one, reduce_dtype.");
    }
    if (accumulated) parallel.reduce_dtype = accumulated;
    types->ignore_rest({}, kUnknown);
  }
}

// train_batch_size = micro * accumulation * ranks; what is missing follows from the rest.
void read_batch(JsonSection& root, int world_size, DeepSpeedConfig& config) {
  const auto train = root.count("train_batch_size", 1, "the global batch");
  const auto micro = root.count("train_micro_batch_size_per_gpu", 1, "rows of a backward pass on a rank");
  auto accumulation = root.count("gradient_accumulation_steps", 1, "backward passes per step, under no_sync()");
  if (train && micro && !accumulation) accumulation = std::max<std::int64_t>(1, *train / (*micro * world_size));
  config.accumulation = accumulation.value_or(1);
  if (micro && static_cast<double>(*micro) * static_cast<double>(config.accumulation) * world_size > 1e15) {
    root.refuse("gradient_accumulation_steps", message("is {}, which makes batches too large.", config.accumulation));
  }
  if (micro) config.global_batch = *micro * config.accumulation * world_size;
  if (!train) return;
  if (micro && *train != *config.global_batch) {
    root.refuse("train_batch_size", message("is {}, but {} rows x {} passes x {} ranks are {}.", *train, *micro,
                                            config.accumulation, world_size, *config.global_batch));
  }
  if (*train % (config.accumulation * world_size) != 0) {
    root.refuse("train_batch_size",
                message("is {}, which {} passes on {} ranks do not divide.", *train, config.accumulation, world_size));
  }
  config.global_batch = train;
}

DeepSpeedOptimizer read_optimizer(JsonSection& section) {
  static const std::set<std::string> kTypes{"adam", "adamw", "lamb", "lion", "muon", "sgd"};
  DeepSpeedOptimizer optimizer;
  optimizer.type = section.word("type", "the optimizer").value_or("");
  if (!kTypes.contains(optimizer.type)) {
    section.refuse("type", message("is \"{}\", but must be Adam, AdamW, Lamb, Lion, Muon or SGD.", optimizer.type));
  }
  if (auto params = section.section("params")) {
    optimizer.learning_rate = params->number("lr", 0, 1e6, "learning_rate").value_or(optimizer.learning_rate);
    const auto betas = params->pair("betas", 0, 0.9999999999, "beta1, beta2");
    if (betas) std::tie(optimizer.beta1, optimizer.beta2) = *betas;
    optimizer.epsilon = params->number("eps", 1e-300, 1e6, "epsilon").value_or(optimizer.epsilon);
    optimizer.weight_decay = params->number("weight_decay", 0, 1e6, "weight_decay").value_or(0);
    optimizer.momentum = params->number("momentum", 0, 1, "momentum").value_or(0);
    const bool is_adam = optimizer.type == "adam";
    const auto mode = params->flag("adam_w_mode", is_adam ? "decoupled weight decay" : "");
    optimizer.decouples_decay = optimizer.type != "sgd" && (!is_adam || mode.value_or(true));
    params->ignore_rest({{"torch_adam", "one fused implementation is used"},
                         {"bias_correction", "moments are always corrected"},
                         {"amsgrad", "not offered"}},
                        kUnknown);
  }
  section.ignore_rest({}, kUnknown);
  return optimizer;
}

Schedule read_schedule(JsonSection& section, double learning_rate) {
  using Then = DeepSpeedWarmup::Then;
  static const std::map<std::string, Then> kTypes{
      {"warmuplr", Then::kConstant}, {"warmupdecaylr", Then::kLinear}, {"warmupcosinelr", Then::kCosine}};
  const auto type = section.word("type", "the schedule").value_or("");
  const auto found = kTypes.find(type);
  if (type == "onecycle" || type == "lrrangetest") {
    section.ignore("type", "not offered, so the rate is the optimizer's; see schedule.h");
    section.ignore_rest({}, "of a scheduler that is not offered");
    return nullptr;
  }
  if (found == kTypes.end()) {
    section.refuse("type", message("is \"{}\", but only WarmupLR, WarmupDecayLR and WarmupCosineLR are read.", type));
  }
  DeepSpeedWarmup shape{.then = found->second, .peak = learning_rate};
  auto params = section.section("params");
  const auto total = params ? params->count("total_num_steps", 1, "the schedule's end").value_or(0) : 0;  // 0: none
  if (total == 0 && shape.then != Then::kConstant)
    section.refuse("params", message("need total_num_steps for {}.", type));
  if (total > 0) shape.total = total;
  if (!params) return deepspeed_warmup(shape);
  shape.warmup = params->count("warmup_num_steps", 0, "steps of warm-up").value_or(shape.warmup);
  const auto form = params->word("warmup_type", "the warm-up's form").value_or("log");
  if (form != "log" && form != "linear") params->refuse("warmup_type", "must be log or linear.");
  shape.is_logarithmic = form == "log";
  if (shape.then == Then::kCosine) {
    shape.from = learning_rate * params->number("warmup_min_ratio", 0, 1, "the rate at the start").value_or(0);
    shape.end = learning_rate * params->number("cos_min_ratio", 0, 1, "the rate at the end").value_or(1e-4);
  } else {
    shape.from = params->number("warmup_min_lr", 0, 1e6, "the rate at the start").value_or(0);
    shape.peak = params->number("warmup_max_lr", 0, 1e6, "the peak rate").value_or(1e-3);
  }
  if (total > 0 && total < shape.warmup) params->refuse("total_num_steps", "is less than warmup_num_steps.");
  params->ignore_rest({{"last_batch_iteration", "checkpoints keep the step"}}, kUnknown);
  return deepspeed_warmup(shape);
}

void ignore_rest_of(JsonSection& root) {
  root.ignore_rest({{"steps_per_print", "see ProgressLine"},
                    {"wall_clock_breakdown", "see StepReport"},
                    {"dump_state", "see report()"},
                    {"tensorboard", "see MetricsWriter"},
                    {"csv_monitor", "see MetricsWriter"},
                    {"wandb", "see MetricsWriter"},
                    {"comms_logger", "see the flight record"},
                    {"flops_profiler", "not part of the configuration here"},
                    {"amp", "Apex is not used; see Autocast"},
                    {"prescale_gradients", "losses are weighed before backward"},
                    {"gradient_predivide_factor", "losses are weighed before backward"},
                    {"sparse_gradients", "gradients are dense"},
                    {"zero_allow_untested_optimizer", "every optimizer of parts() works at every stage"},
                    {"zero_force_ds_cpu_optimizer", "there is one implementation"},
                    {"activation_checkpointing", "not offered"},
                    {"aio", "files are not used as memory"},
                    {"autotuning", "not offered"},
                    {"elasticity", "checkpoints load at any world size"}},
                   kUnknown);
}

}  // namespace

DeepSpeedConfig parse_deepspeed_config(std::string_view json, const std::string& where, int world_size) {
  const auto values = parse(json, where);
  ConfigNotes notes{where};
  JsonSection root(values, "", notes);
  DeepSpeedConfig config;
  read_batch(root, world_size, config);
  read_precision(root, config.parallel);
  read_reduce_dtype(root, config.parallel);
  config.clip_norm = root.number("gradient_clipping", 0, kLarge, "the optimizer's clip_norm");
  if (auto zero = root.section("zero_optimization")) read_zero(*zero, config.parallel);
  if (auto optimizer = root.section("optimizer")) config.optimizer = read_optimizer(*optimizer);
  if (auto scheduler = root.section("scheduler")) {
    const auto own = config.optimizer.value_or(DeepSpeedOptimizer{});
    config.schedule = read_schedule(*scheduler, own.learning_rate);
  }
  ignore_rest_of(root);
  config.mapped = std::move(notes.mapped);
  config.ignored = std::move(notes.ignored);
  return config;
}

DeepSpeedConfig read_deepspeed_config(const std::string& path, int world_size) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || !text) throw ConfigError(message("{}: this DeepSpeed configuration cannot be read.", path));
  return parse_deepspeed_config(std::move(text).str(), path, world_size);
}

std::string DeepSpeedConfig::report() const {
  std::string text;
  for (const auto& [key, to] : mapped) text += message("mapped   {}: {}\n", key, to);
  for (const auto& [key, why] : ignored) text += message("ignored  {}: {}\n", key, why);
  return text;
}

}  // namespace trireme
