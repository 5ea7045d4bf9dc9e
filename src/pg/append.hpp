#pragma once
#include <array>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/rt/clock.hpp"
#include "pg/facts.hpp"
#include "pg/job.hpp"
#include "pg/memory.hpp"
#include "pg/session.hpp"

namespace countersign::pg {

// Appends, gathered: whatever waits while a commit is under way goes into the next transaction together, so
// that many votes share one statement and one flush to disk. Cases that are remembered are judged at once and
// written in one round trip, on condition that nothing came in between; the others are locked and read first.
// One request is worked on by one thread of this process at a time; several commands for it are taken in
// order, each seeing what the one before it did. Whatever goes wrong for a batch is tried again one request
// at a time, so that no request suffers for another.
class Appender {
  public:
    static constexpr std::size_t batch_max = 32;  // appends per transaction
    static constexpr std::size_t waiting_max = 4'096;

    Appender(Pool& pool, Memory& memory, const rt::Clock& clock, rt::Entropy& entropy,
             std::size_t batches_max);  // transactions at a time
    ~Appender();

    Later<app::Appended> append(app::Append what, Deadline deadline);
    std::size_t waiting() const;

    struct Item;
    struct Group;
    struct Batch;

  private:
    using Items = std::vector<std::unique_ptr<Item>>;

    void enqueue(std::unique_ptr<Item> item);
    void start_batch();
    void work(Session* session);
    Items next_batch();

    static void stop_all(Items& items);
    void finish(Items& items);
    void hand_over(Session& session, Items& left);
    void carry_out(Session& session, Items& items);
    void write_remembered(Session& session, std::vector<Group>& groups);
    void alone(Session& session, Group& group);
    Sql<Done> lock(Session& session, std::vector<Group*>& groups, bool waits);
    Sql<Done> take_rows(const pqxx::result& rows, std::vector<Group*>& groups, std::vector<Group*>& moved,
                        bool alone);
    void decide(Group& group);
    void record(Group& group, const app::PlannedEntry& planned, Minter& minter) const;
    void record_refusal(Group& group, const app::RefusedVote& vote, Minter& minter) const;
    static wire::Leaf leaf_of(const Known& known, std::int32_t version, core::State state);
    static void hand_out(Group& group, std::vector<CardRow>& cards, bool has_lines);
    Sql<bool> write_steps(Session& session, std::vector<Group*>& groups);
    static Sql<Done> post_further(Session& session, Group& group);
    Sql<Done> write(Session& session, std::vector<Group*>& groups);
    void keep(std::vector<Group*>& groups);
    void quarantine(Session& session, Group& group);

    Pool& pool_;
    Memory& memory_;
    const rt::Clock& clock_;
    rt::Entropy& entropy_;
    const std::size_t batches_max_;
    mutable std::mutex mutex_;
    std::deque<std::unique_ptr<Item>> waiting_;
    std::unordered_set<core::RequestId> under_way_;
    std::size_t batches_ = 0;
};

}  // namespace countersign::pg
