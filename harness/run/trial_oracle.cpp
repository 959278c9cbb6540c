#include "harness/run/trial_oracle.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "harness/device/memory.hpp"
#include "results/error.hpp"

namespace velo {

namespace {

/// Keeps the order of examples drawn while preparing evaluations apart from the training order, and its batches'
/// numbers apart from those of training.
constexpr std::uint64_t evaluation_order = 1;
constexpr std::uint64_t evaluation_batches = std::uint64_t{1} << 63;

}  // namespace

TrialOracle::TrialOracle(Workload& workload, Capabilities offers, std::uint64_t seed, PhaseClock& clock)
    : workload_(&workload),
      offers_(offers),
      seed_(seed),
      clock_(&clock),
      stream_(seed, workload.examples(Split::train)),
      evaluation_stream_(RandomStream(seed, Purpose::data_order).fork(evaluation_order),
                         workload.examples(Split::train)),
      params_(zeros("params", workload.layout().size())),
      model_state_("model_state", static_cast<std::size_t>(workload.model_state_size())) {
  if (const Index terms = workload.loss_terms(); terms > 1) {
    term_losses_.assign(static_cast<std::size_t>(terms), std::numeric_limits<double>::quiet_NaN());
    term_asked_.assign(term_losses_.size(), false);
  }
}

void TrialOracle::begin_step(const Progress& progress) {
  progress_ = progress;
  preparing_ = false;
  drawn_ = false;
  committed_ = false;
  asked_ = false;
  whole_ = false;
  term_asked_.assign(term_asked_.size(), false);
  step_loss_ = std::numeric_limits<double>::quiet_NaN();
}

void TrialOracle::begin_prepare() {
  preparing_ = true;
  drawn_ = false;
  const auto step = static_cast<std::uint64_t>(progress_.step);
  evaluation_stream_.restore(0, evaluation_batches + (step << 32));
}

RandomStream TrialOracle::random() const {
  return {seed_, Purpose::algorithm, static_cast<std::uint64_t>(progress_.step)};
}

const Batch& TrialOracle::batch() {
  if (!drawn_) {
    batch_ = draw(0);
    drawn_ = true;
  }
  return batch_;
}

Batch TrialOracle::draw(Index size) {
  const Phase asking = clock_->phase();
  clock_->enter(Phase::data);
  const Batch batch = order().next(size > 0 ? size : workload_->batch_size());
  work_.examples += batch.size();
  clock_->enter(asking);
  return batch;
}

Batch TrialOracle::choose(std::span<const Index> examples) {
  work_.examples += static_cast<Index>(examples.size());
  return order().chosen(examples);
}

const Batch& TrialOracle::prepare(const Query& query) {
  const Batch& batch = query.batch != nullptr ? *query.batch : this->batch();
  const Phase asking = clock_->phase();
  clock_->enter(Phase::data);
  workload_->load(batch);
  clock_->enter(asking);
  return batch;
}

ForwardPass TrialOracle::pass(const Query& query, const Batch& batch, bool commit) const {
  if ((query.layers != nullptr || query.sampled_labels) && !offers_.has(Capability::layer_statistics))
    throw Error(
        "the algorithm asks what the layers saw, which the workload does not offer; it must declare that it needs "
        "layer_statistics");
  ForwardPass pass;
  pass.params = query.at.extent(0) > 0 ? query.at : ConstVector(params_);
  const bool own = query.own_model_state.extent(0) > 0;
  pass.model_state = own ? query.own_model_state : model_state_;
  if (own ? query.model_state != ModelStateUse::discard : commit)
    pass.new_model_state = own ? query.own_model_state : model_state_;
  pass.statistics_rate = query.statistics_rate;
  // Two questions about one batch share dropout and augmentation; other batches have their own.
  pass.random = RandomStream(seed_, Purpose::workload, static_cast<std::uint64_t>(progress_.step)).fork(batch.id);
  pass.dropout_rate = query.dropout_rate;
  pass.label_smoothing = query.label_smoothing;
  pass.loss_term = query.loss_term;
  pass.layers = query.layers;
  pass.sampled_labels = query.sampled_labels;
  return pass;
}

double TrialOracle::note_loss(double loss, const Query& query) {
  if (preparing_) return loss;
  if (query.loss_term && !term_losses_.empty()) {
    note_term(static_cast<std::size_t>(*query.loss_term), loss);
  } else if (!whole_) {
    step_loss_ = loss;
    asked_ = whole_ = true;
  }
  return loss;
}

void TrialOracle::note_term(std::size_t term, double loss) {
  if (whole_ || term_asked_.at(term)) return;
  term_asked_[term] = true;
  term_losses_[term] = loss;
  const double sum = std::accumulate(term_losses_.begin(), term_losses_.end(), 0.0);
  if (std::isfinite(loss) && std::isnan(sum)) return;  // some term is still unknown
  step_loss_ = sum;
  asked_ = true;
}

double TrialOracle::loss(const Query& query) {
  const Batch& batch = prepare(query);
  work_.forward_examples += batch.size();
  return note_loss(workload_->loss(pass(query, batch, query.model_state == ModelStateUse::commit), batch), query);
}

double TrialOracle::gradient(Vector out, const Query& query) {
  const Batch& batch = prepare(query);
  const bool commit = query.own_model_state.extent(0) == 0 &&
                      (query.model_state == ModelStateUse::commit ||
                       (query.model_state == ModelStateUse::automatic && !committed_ && !preparing_));
  committed_ = committed_ || commit;
  work_.example_gradients += batch.size();
  return note_loss(workload_->gradient(pass(query, batch, commit), batch, out), query);
}

double TrialOracle::example_gradients(Vector out, const Query& query) {
  const Batch& batch = query.batch != nullptr ? *query.batch : this->batch();
  work_.example_gradients += batch.size();
  return note_loss(workload_->example_gradients(pass(query, batch, false), batch, out), query);
}

void TrialOracle::hessian_vector_product(ConstVector direction, Vector out, const Query& query) {
  const Batch& batch = prepare(query);
  work_.hvps += batch.size();
  workload_->hessian_vector_product(pass(query, batch, false), batch, direction, out);
}

}  // namespace velo
