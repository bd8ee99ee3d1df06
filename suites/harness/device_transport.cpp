#include "suites/harness/device_transport.h"

#include "reports/base/error.h"
#include "suites/device/mpi_reach.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/parameters.h"

namespace assay::bench {

ParameterSpec implementation_parameter(const std::vector<std::string>& others, const std::string& meaning) {
  std::vector<std::string> choices = {"mpi"};
  choices.insert(choices.end(), others.begin(), others.end());
  choices.insert(choices.end(), {"nccl", "rccl"});
  return choice_parameter("implementation", choices, meaning);
}

bool by_library(const Parameters& parameters) {
  const std::string& implementation = text(parameters, "implementation");
  return implementation == "nccl" || implementation == "rccl";
}

std::string transport_unsupported(const Parameters& parameters, const ProcessGroup& group,
                                  const device::CollectivesNeed& need) {
  const std::string& implementation = text(parameters, "implementation");
  if (!wants_gpu(parameters)) {
    if (!by_library(parameters)) return {};
    return "implementation=" + implementation +
           " moves what is in the memory of GPUs; give device=gpu, or implementation=mpi";
  }
  const auto [device, missing] = chosen_device(parameters, group);
  if (device == nullptr) return missing;
  return by_library(parameters) ? device::collectives_missing(implementation, *device, need) : std::string();
}

Transport choose_transport(const Parameters& parameters, const ProcessGroup& group, bool host_computes) {
  if (!wants_gpu(parameters)) return {};
  const auto [device, missing] = chosen_device(parameters, group);
  if (device == nullptr) throw Error(ExitStatus::cannot_run, missing);
  Transport transport;
  transport.device = device;
  if (by_library(parameters)) {
    transport.carrier = Carrier::library;
    transport.library = text(parameters, "implementation");
    transport.buffers = "in GPU memory";
    return transport;
  }
  const device::MpiReach reach = device::mpi_reach(*device);
  transport.carrier = reach.straight && !host_computes ? Carrier::straight : Carrier::staged;
  transport.buffers =
      transport.carrier == Carrier::straight ? "in GPU memory, moved by MPI from there (" + reach.why + ")"
      : host_computes && reach.straight
          ? "in GPU memory, staged through the host: the sum is an operation of our own, computed there"
          : "in GPU memory, staged through the host: " + reach.why;
  return transport;
}

device::Meeting meeting_of(MPI_Comm communicator) {
  device::Meeting meeting;
  if (communicator == MPI_COMM_NULL) return meeting;
  MPI_Comm_rank(communicator, &meeting.rank);
  MPI_Comm_size(communicator, &meeting.size);
  meeting.broadcast_from_first = [communicator](void* bytes, std::size_t count) {
    MPI_Bcast(bytes, static_cast<int>(count), MPI_BYTE, 0, communicator);
  };
  return meeting;
}

std::map<std::string, std::string> path_of(const Transport& transport,
                                           const device::Collectives* collectives) {
  std::map<std::string, std::string> path;
  if (transport.device == nullptr) return path;
  path["buffers"] = transport.buffers;
  if (collectives != nullptr) path.merge(collectives->describe());
  return path;
}

}  // namespace assay::bench
