#include "tests/sim/plan.h"

#include "base/check.h"
#include "faultline/v1/config.pb.h"

namespace faultline::sim {
namespace {

// Zero in half of the seeds, else up to `most`.
double Chance(testing::Random* random, double most) {
  return random->Below(2) == 0 ? 0 : most * random->Uniform();
}

void AddDetectors(v1::ModelConfig* model) {
  model->add_detectors()->mutable_psi()->set_threshold(0.4);
  model->add_detectors()->mutable_page_hinkley()->set_threshold(30);
  model->add_detectors()->mutable_missing_rate()->set_threshold(0.3);
  model->add_detectors()->mutable_unseen_category()->set_threshold(0.2);
}

// Signals that are derived from others, and evidence on the alarm budget.
void AddDerived(v1::ModelConfig* model) {
  model->mutable_alarm_budget()->set_false_alarms(1);
  model->mutable_alarm_budget()->set_per("100000 rows");
  model->add_detectors()->mutable_mean_change();
  model->add_detectors()->mutable_repeat_change();
  model->add_detectors()->mutable_correlation_change()->set_pairs_max(2);
  v1::DependencyChangeOptions* dependency = model->add_detectors()->mutable_dependency_change();
  dependency->set_from("kind");
  dependency->set_to("shop");
}

}  // namespace

Plan::Plan(uint64_t the_seed) : seed(the_seed) {
  testing::Random random(seed ^ 0x5eed);
  shards = 1 + static_cast<uint32_t>(random.Below(3));
  producers = 1 + static_cast<uint32_t>(random.Below(4));
  power_safe = random.Below(2) == 0;
  drop = Chance(&random, 0.3);
  duplicate = Chance(&random, 0.3);
  corrupt = Chance(&random, 0.05);
  reorder = Chance(&random, 0.8);
  crash = Chance(&random, 0.003);
  crash_in_commit = Chance(&random, 0.1);
  stop = Chance(&random, 0.002);
  refuse = Chance(&random, 0.2);
  break_store = Chance(&random, 0.02);
  slow_store = Chance(&random, 0.1);
  jump = Chance(&random, 0.002);
  command = Chance(&random, 0.05);
  reload = Chance(&random, 0.003);
  damage = Chance(&random, 0.5);
  pressure = Chance(&random, 0.9);
}

std::shared_ptr<const Settings> Plan::MakeSettings(uint32_t revision) const {
  testing::Random random(seed + revision * 7'919);
  v1::Config config;
  config.set_data_folder("/nonexistent");
  config.set_shards(shards);
  config.mutable_commit()->set_interval(revision % 2 == 0 ? "10ms" : "200ms");
  config.mutable_commit()->set_durability(power_safe ? "power" : "process");
  config.mutable_limits()->set_queue(random.Below(2) == 0 ? "24KiB" : "1MiB");
  if (random.Below(2) == 0) config.mutable_limits()->set_memory("96MiB");
  config.mutable_retention()->set_panes_bytes_max("64KiB");
  config.mutable_retention()->set_incidents_max(3);
  v1::ModelConfig* defaults = config.mutable_defaults();
  defaults->set_window_panes(3);
  // Closing by quiet depends on how long the process was up, which a restart changes.
  defaults->set_idle_close("24h");
  defaults->mutable_reference()->set_learn_rows(60);
  defaults->mutable_alert()->set_fire_panes(1);
  defaults->mutable_alert()->set_resolve_panes(2);
  for (uint32_t i = 0; i < kModels; ++i) {
    v1::ModelConfig* model = config.add_models();
    model->set_name(ModelName(i));
    // One model has panes by time, one the default suite.
    if (i == 0) {
      model->mutable_pane()->set_length("2s");
    } else {
      model->mutable_pane()->set_rows(40 + 10 * (revision % 2));
    }
    if (i < 2) AddDetectors(model);
    if (i == 1) AddDerived(model);
  }
  const auto settings = Settings::Make(config);
  if (!settings.ok()) {
    CheckFailed(__FILE__, __LINE__, "settings", settings.status().ToString().c_str());
  }
  return *settings;
}

void Plan::Renew(testing::Random* random) {
  if (random->Below(4) == 0) shards = 1 + static_cast<uint32_t>(random->Below(3));
}

std::string ModelName(uint64_t index) { return "m" + std::to_string(index); }

v1::InferenceBatch MakeBatch(testing::Random* random, int64_t now_ns) {
  v1::InferenceBatch batch;
  batch.set_model(ModelName(random->Below(kModels)));
  batch.set_version(random->Below(50) == 0 ? "2" : "1");
  const auto rows = static_cast<uint32_t>(1 + random->Below(16));
  batch.set_rows(rows);
  v1::Column* x = batch.add_columns();
  x->set_name("x");
  v1::Column* kind = batch.add_columns();
  kind->set_name("kind");
  // Every other spell of 40 seconds the traffic is another.
  const bool shifted = now_ns / (40 * kSecond) % 2 == 1;
  const char* const names[] = {"a", "b", "c", "d"};
  for (const char* name : names) kind->mutable_strings()->add_dictionary(name);
  v1::Column* shop = batch.add_columns();
  shop->set_name("shop");
  for (const char* name : names) shop->mutable_strings()->add_dictionary(name);
  v1::Column* y = batch.add_columns();
  y->set_name("y");
  y->set_role(v1::COLUMN_ROLE_PREDICTION);
  const bool ids = random->Below(4) == 0;
  for (uint32_t row = 0; row < rows; ++row) {
    int64_t time_ns = now_ns - static_cast<int64_t>(random->Below(100)) * kMillisecond;
    const uint64_t odd = random->Below(200);
    if (odd == 0) time_ns -= 10 * kSecond;
    if (odd == 1) time_ns += 60 * kSecond;
    if (odd == 2) time_ns = 5;
    batch.add_event_times_unix_nano(static_cast<uint64_t>(time_ns));
    const double value = random->Normal() + (shifted ? 3 : 0);
    x->mutable_doubles()->add_values(value);
    y->mutable_doubles()->add_values(shifted ? random->Normal() : value + random->Normal() / 4);
    const auto code = static_cast<uint32_t>(random->Below(shifted ? 4 : 3));
    kind->mutable_strings()->add_codes(code);
    shop->mutable_strings()->add_codes(random->Below(10) == 0 ? 3 : code);
    if (ids) batch.add_prediction_ids(std::to_string(random->Below(1'000)));
  }
  if (random->Below(8) == 0) x->set_null_bitmap(std::string((rows + 7) / 8, '\x55'));
  return batch;
}

}  // namespace faultline::sim
