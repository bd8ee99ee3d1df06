// collectives/barrier: one MPI_Barrier per iteration. No rank leaves before the last one has entered.
//
// A barrier has no data, so each rank writes a ticket after each: the number of barriers it has passed. The
// check compares the tickets of all ranks, and then lets some ranks be late on purpose (late_rank.h).
#include <mpi.h>

#include <cstring>

#include "suites/collectives/barrier/late_rank.h"
#include "suites/collectives/support/family.h"

namespace assay::bench {

namespace {

constexpr FamilyMember member{.name = "collectives/barrier",
                              .title = "Barrier: no rank goes on before all have arrived",
                              .kind = std::nullopt};

class Barrier final : public Operation {
 public:
  explicit Barrier(const Context& context) : Operation(context), communicator_(context) {}

  std::size_t input_bytes() const override { return 0; }
  std::size_t result_bytes() const override { return sizeof(double); }
  Element element() const override { return Element::f64; }
  void fill(const Buffers&) const override {}

  void call(const Buffers& buffers) override {
    MPI_Barrier(communicator_.get());
    write_ticket(buffers);
  }
  /// The ticket is written when the barrier has begun: tickets of barriers that never end are never looked
  /// at.
  void start(const Buffers& buffers, MPI_Request* request) override {
    MPI_Ibarrier(communicator_.get(), request);
    write_ticket(buffers);
  }

  Differences compare(const Buffers& buffers) const override {
    double ticket = 0;
    std::memcpy(&ticket, buffers.result, sizeof ticket);
    Differences differences;
    differences.add(0, ticket, group().broadcast(ticket, 0));
    return differences;
  }
  std::int64_t smallest_error_units() const override {
    return static_cast<std::int64_t>(1 / unit_of(Element::f64));
  }
  std::string how(int slots) const override {
    return "tickets of " + std::to_string(slots) + " barriers on " + std::to_string(group().size()) +
           " ranks; " + std::to_string(late_ranks(group().size()).size()) + " late ranks, each waited for";
  }
  std::string examine(bool non_blocking) override {
    double ticket = 0;
    const Buffers nowhere{nullptr, reinterpret_cast<std::byte*>(&ticket), 0};
    return left_without_late_rank(group(), [&] {
      if (!non_blocking) return call(nowhere);
      MPI_Request request = MPI_REQUEST_NULL;
      start(nowhere, &request);
      MPI_Wait(&request, MPI_STATUS_IGNORE);
    });
  }

  std::map<std::string, std::string> path(bool non_blocking) const override {
    return {{"call", non_blocking ? "MPI_Ibarrier" : "MPI_Barrier"}};
  }

 private:
  void write_ticket(const Buffers& buffers) {
    passed_ = passed_ % (1 << 20) + 1;  // from 1, so that one more or less is a number apart in every type
    const double ticket = passed_;
    std::memcpy(buffers.result, &ticket, sizeof ticket);
  }

  CaseCommunicator communicator_;
  int passed_ = 0;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  return unsupported_member(member, parameters, context);
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return make_case(member, parameters, context, std::make_unique<Barrier>(context));
}

}  // namespace

const Benchmark& collectives_barrier() {
  static const Benchmark benchmark{describe(member), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
