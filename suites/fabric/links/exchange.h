// Messages between members of a fabric test: who they are, what they send, and whether it arrived.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "suites/harness/device_transport.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

/// Ranks that talk, node after node in the order in which the nodes first appear: all of them, or the first
/// of each node.
std::vector<int> link_members(const ProcessGroup& group, bool every_rank);
/// The same from the nodes of all ranks.
std::vector<int> link_members(const std::vector<std::string>& nodes, bool every_rank);

class LinkExchange {
 public:
  struct Settings {
    std::size_t bytes = 0;  ///< of one message
    int messages = 0;
    int warmups = 0;
    std::uint64_t seed = 0;
    bool last_is_silent = false;  ///< a planted fault: the last member communicates with nobody
    Transport transport = {};     ///< where the messages are and what moves them
  };

  static constexpr int nobody = -1;

  LinkExchange(const ProcessGroup& group, std::vector<int> members, const Settings& settings);
  ~LinkExchange();
  LinkExchange(const LinkExchange&) = delete;
  LinkExchange& operator=(const LinkExchange&) = delete;

  /// Collective over the whole group: makes the members' communicator and touches the buffers. The vendor's
  /// library meets among the members.
  void prepare();

  int members() const { return static_cast<int>(members_.size()); }
  /// The group's rank of a member.
  int rank_of(int member) const { return members_[static_cast<std::size_t>(member)]; }
  /// This rank's place among the members; nobody when it does not talk.
  int own() const { return own_; }
  MPI_Comm communicator() const { return communicator_; }

  /// What follows is called by every member alike, once per exchange, with its own partners or `nobody`.
  /// Compares what the exchange before left, fills the message and sends the warm-up ones.
  void begin(int to, int from);
  /// The messages that count: one at a time, sending and receiving at once; all have come when it returns.
  void run();
  /// The larger of `seconds` of this member and of the partner that both sent to and received from.
  double agreed_with_partner(double seconds) const;

  /// Compares what the last exchange left, then overwrites it with bytes that are wrong in every exchange.
  void poison();
  /// Compares what the last exchange left, and counts.
  void verify();
  /// Changes what the last exchange left, on the last member.
  void spoil(bool with_nan);

  const Transport& transport() const { return settings_.transport; }
  /// Joins the record's path.
  std::map<std::string, std::string> path() const { return path_of(settings_.transport, collectives_.get()); }

  std::int64_t wrong_bytes() const { return wrong_bytes_; }
  std::int64_t verified() const { return verified_; }  ///< exchanges of this member
  const std::string& first_wrong() const { return first_wrong_; }

 private:
  int reachable(int member) const;
  void messages(int count, bool last);
  void one_message();
  void one_message_of_device(bool last);
  void exchange_by_mpi(const void* sent, void* received);
  void begin_on_device();
  /// The number of the last of an exchange.
  std::int64_t last_message() const { return settings_.warmups + settings_.messages - 1; }

  const ProcessGroup& group_;
  std::vector<int> members_;
  Settings settings_;
  int own_ = nobody;
  MPI_Comm communicator_ = MPI_COMM_NULL;
  std::vector<std::byte> sent_on_host_, received_on_host_;     ///< without a device
  std::byte *sent_seen_ = nullptr, *received_seen_ = nullptr;  ///< by the host, wherever the messages are
  /// On a device the last message is in a buffer of its own: its number differs, and nothing need be written
  /// into a buffer that is being sent.
  std::unique_ptr<device::Buffer> sent_, sent_last_, received_;
  std::unique_ptr<device::Collectives> collectives_;
  int to_ = nobody, from_ = nobody;
  std::int64_t exchange_ = 0;
  std::int64_t message_ = 0;
  bool to_verify_ = false;
  int verify_from_ = nobody;
  std::int64_t verify_exchange_ = 0;
  std::int64_t wrong_bytes_ = 0;
  std::int64_t verified_ = 0;
  std::string first_wrong_;
};

}  // namespace assay::bench
