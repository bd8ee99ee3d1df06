#include "suites/collectives/support/family.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/device_transport.h"
#include "suites/harness/parameters.h"

namespace assay::bench {

namespace {

std::string busbw_meaning(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::allreduce:
      return "bytes / time * 2 (n - 1) / n for n ranks";
    case CollectiveKind::reduce_scatter:
    case CollectiveKind::allgather:
    case CollectiveKind::alltoall:
      return "bytes / time * (n - 1) / n for n ranks";
    case CollectiveKind::broadcast:
    case CollectiveKind::reduce:
      break;
  }
  return "bytes / time";
}

bool has(const Parameters& parameters, const char* name) {
  return parameters.find(name) != parameters.end();
}

bool is(const Parameters& parameters, const char* name, const char* value) {
  return text(parameters, name) == value;
}

/// What a GPU's buffers cannot be used with, whoever moves them. `in_place` of what the library does not do
/// so is that of all-to-all: its blocks are sent while others arrive.
std::string unsupported_on_gpus(const FamilyMember& member, const Parameters& parameters) {
  if (is(parameters, "implementation", "shared_window"))
    return "implementation=shared_window sums in the host's memory; give device=host, or implementation=mpi";
  if (!member.kind)
    return "a barrier moves nothing, and neither MPI nor a library of collectives has one for GPUs; give "
           "device=host and implementation=mpi";
  if (is(parameters, "call", "nonblocking"))
    return "call=nonblocking computes on the processor meanwhile, which says nothing about a GPU; give "
           "call=blocking, or see what a training step's exchange hides";
  if (by_library(parameters) && member.kind == CollectiveKind::alltoall && flag(parameters, "in_place"))
    return "implementation=" + text(parameters, "implementation") +
           " has no all-to-all in place; give in_place=false";
  return {};
}

}  // namespace

BenchmarkSpec describe(const FamilyMember& member) {
  BenchmarkSpec spec;
  spec.name = member.name;
  spec.title = member.title;
  spec.area = "collectives";
  spec.scope = Scope::group;
  spec.minimum_ranks = 2;
  if (member.kind)
    spec.parameters.push_back(bytes_parameter(
        "bytes", std::int64_t{1} << 20, 2, static_cast<double>(std::int64_t{1} << 30), member.bytes_meaning));
  if (member.reduces) {
    spec.parameters.push_back(
        choice_parameter("dtype", {"f32", "f64", "int32", "bf16"},
                         "element type; bf16 is summed by an operation of our own, MPI 3.1 has none"));
  }
  if (member.in_place) {
    spec.parameters.push_back(
        flag_parameter("in_place", false, "the result takes the place of the input (MPI_IN_PLACE)"));
  }
  spec.parameters.push_back(choice_parameter("mode", {"throughput", "latency"},
                                             "operations back to back, or each alone after a barrier"));
  spec.parameters.push_back(
      choice_parameter("call", {"blocking", "nonblocking"},
                       "the non-blocking form is also timed beside a computation (overlap)"));
  spec.parameters.push_back(choice_parameter(
      "progress", {"none", "test"},
      "during the computation: nothing, or MPI_Test 16 times an operation; non-blocking only"));
  if (member.root) {
    spec.parameters.push_back(integer_parameter("root", 0, 0, {}, "its rank, the same in every iteration"));
  }
  spec.parameters.push_back(implementation_parameter(
      member.shared_window ? std::vector<std::string>{"shared_window"} : std::vector<std::string>{},
      member.shared_window ? "MPI_Allreduce, or sums in a shared-memory window of one node: what its memory "
                             "could deliver; nccl, rccl: the library of a GPU's vendor, with device=gpu"
                           : "the MPI library; nccl, rccl: the library of a GPU's vendor, with device=gpu"));
  ParameterSpec device = device_parameter();
  device.meaning = "whose memory the buffers are in: the host's, or that of one GPU for each rank";
  spec.parameters.push_back(device);
  const std::pair<std::string, std::string> throughput{"mode", "throughput"};
  const std::pair<std::string, std::string> latency{"mode", "latency"};
  if (member.kind) {
    spec.foms.push_back({"busbw", "B/s", Better::higher, busbw_meaning(*member.kind), throughput});
    spec.foms.push_back({"algbw", "B/s", Better::higher, "bytes / time", throughput});
  }
  spec.foms.push_back({"time", "s", Better::lower,
                       "of one operation, median over the intervals, the longest over all ranks",
                       throughput});
  spec.foms.push_back(
      {"latency", "s", Better::lower, "of one operation alone, median, the longest over all ranks", latency});
  spec.foms.push_back({"p95", "s", Better::lower, "19 of 20 operations take no longer", latency});
  spec.foms.push_back({"p99", "s", Better::lower, "99 of 100 operations take no longer", latency});
  spec.foms.push_back({"max", "s", Better::lower, "the longest operation", latency});
  spec.foms.push_back({"overlap", "1", Better::higher,
                       "share of the communication's time during which computing went on",
                       std::pair<std::string, std::string>{"call", "nonblocking"}});
  return spec;
}

Element element_of(const Parameters& parameters) {
  return has(parameters, "dtype") ? parse_element(text(parameters, "dtype")) : Element::f32;
}

std::size_t elements_of(CollectiveKind kind, const Parameters& parameters, int ranks) {
  const auto size = static_cast<std::int64_t>(device::bytes_of(element_of(parameters)));
  return static_cast<std::size_t>(whole_elements(kind, integer(parameters, "bytes"), size, ranks));
}

std::string unsupported_member(const FamilyMember& member, const Parameters& parameters,
                               const Context& context) {
  const int ranks = context.group.size();
  if (member.kind && elements_of(*member.kind, parameters, ranks) == 0) {
    const Element element = element_of(parameters);
    const auto size = static_cast<std::int64_t>(device::bytes_of(element));
    const std::int64_t bytes = integer(parameters, "bytes");
    std::string what = std::to_string(bytes) + " bytes are no whole number of " +
                       std::string(device::name_of(element)) + " elements";
    if (in_blocks(*member.kind)) what += " for each of " + std::to_string(ranks) + " ranks";
    return what + "; give " + std::to_string(nearest_bytes(*member.kind, bytes, size, ranks));
  }
  if (member.root && integer(parameters, "root") >= ranks) {
    return "there is no rank " + std::to_string(integer(parameters, "root")) + " among " +
           std::to_string(ranks) + "; give a root from 0 to " + std::to_string(ranks - 1);
  }
  if (is(parameters, "call", "nonblocking")) {
    if (is(parameters, "mode", "latency"))
      return "call=nonblocking is timed in throughput mode; give mode=throughput, or call=blocking";
  } else if (is(parameters, "progress", "test")) {
    return "progress=test belongs to non-blocking calls; give call=nonblocking, or progress=none";
  }
  if (wants_gpu(parameters)) {
    const std::string reason = unsupported_on_gpus(member, parameters);
    if (!reason.empty()) return reason;
  }
  return transport_unsupported(parameters, context.group,
                               {element_of(parameters), member.kind == CollectiveKind::alltoall});
}

std::unique_ptr<Case> make_case(const FamilyMember& member, const Parameters& parameters,
                                const Context& context, std::unique_ptr<Operation> operation) {
  Rating rated;
  if (member.kind) {
    const int ranks = context.group.size();
    const auto bytes = static_cast<double>(elements_of(*member.kind, parameters, ranks) *
                                           device::bytes_of(element_of(parameters)));
    rated = rating(*member.kind, bytes, ranks);
  }
  if (is(parameters, "call", "nonblocking")) {
    return std::make_unique<OverlapCase>(std::move(operation), rated, is(parameters, "progress", "test"),
                                         context);
  }
  const Mode mode = is(parameters, "mode", "latency") ? Mode::latency : Mode::throughput;
  // bf16 is added by an operation of our own, which runs on the host.
  const bool host_adds = member.reduces && element_of(parameters) == Element::bf16;
  return std::make_unique<CollectiveLoop>(std::move(operation), rated, mode, context,
                                          choose_transport(parameters, context.group, host_adds));
}

}  // namespace assay::bench
