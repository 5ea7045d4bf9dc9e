#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "countersign/app/audit.hpp"
#include "countersign/app/batches.hpp"
#include "countersign/app/checks.hpp"
#include "countersign/app/events.hpp"
#include "countersign/app/housekeeping.hpp"
#include "countersign/app/identity.hpp"
#include "countersign/app/log_tail.hpp"
#include "countersign/app/people.hpp"
#include "countersign/app/ports.hpp"
#include "countersign/app/references.hpp"
#include "countersign/app/shown.hpp"
#include "countersign/app/stream_positions.hpp"
#include "countersign/app/tree.hpp"
#include "countersign/app/webhooks.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::pg {

struct PgSettings {
    Secret uri;  // libpq URI or keywords; several hosts allowed
    // What rows are sealed with: the first one seals, the others, of before, are good for reading. At least
    // one.
    std::vector<Secret> server_keys;
    std::size_t pool = 16;           // connections, each on a thread of its own
    std::size_t background = 2;      // of these, how many serve only errands and lists
    std::size_t append_batches = 2;  // transactions that append at a time; what waits shares the next
    std::size_t queue_max = 4'096;   // more jobs waiting: overloaded
    std::chrono::milliseconds statement_timeout{2'000};
    std::chrono::milliseconds lock_timeout{1'500};
    std::chrono::seconds connect_timeout{3};
    // How often something small is written, to know that it can be; 0: only after something has gone wrong.
    std::chrono::seconds look_every{0};
};

enum class SchemaState : std::uint8_t { current, behind, ahead, edited, unreachable };
struct SchemaReport {
    SchemaState state = SchemaState::unreachable;
    std::string detail;  // for /readyz and people: what is wrong and the command that mends it
};

// The database: the stores of app on one pool. Connects in the background and keeps trying; while it is
// down every call fails at once with `unavailable`.
class Database {
  public:
    virtual ~Database() = default;
    virtual app::CaseStore& cases() = 0;
    virtual app::OutboxStore& outbox() = 0;
    virtual app::BatchStore& batches() = 0;
    virtual app::TokenStore& tokens() = 0;
    virtual app::EventLog& events() = 0;
    virtual app::TreeStore& tree() = 0;
    virtual app::AuditStore& audit() = 0;
    virtual app::EraseStore& erase() = 0;
    virtual app::SubscriptionStore& subscriptions() = 0;
    virtual app::DeliveryStore& deliveries() = 0;
    virtual app::PeopleStore& people() = 0;
    virtual app::LinkCodeStore& link_codes() = 0;
    virtual app::SeenTokens& seen_tokens() = 0;
    virtual app::ReferenceStore& references() = 0;
    virtual app::ShownStore& shown() = 0;
    virtual app::StreamPositions& streams() = 0;
    virtual app::ExpiredRows& expired() = 0;
    virtual Later<SchemaReport> schema(Deadline deadline) = 0;
    virtual bool reachable() const = 0;  // the last job or connection attempt succeeded
    // Why nothing can be written, in a sentence that anybody may read; empty: as far as is known, it can.
    virtual std::string problem() const = 0;
    // What of that which was acknowledged may be missing after a crash or a failover, by the server's
    // settings, and which to change; empty: nothing. Known where `look_every` is set.
    virtual std::string warning() const = 0;
    virtual std::size_t queued() const = 0;
    virtual void stop() = 0;  // finishes running jobs, fails queued ones, joins
};
std::unique_ptr<Database> open_database(PgSettings settings, rt::asio::any_io_executor executor,
                                        const rt::Clock& clock, rt::Entropy& entropy);

// Shows the other replicas that this process lives, through a session of its own, and frees what is leased to
// processes that four looks in a row, one a second, saw without theirs. After a `kill -9` the leases of the
// dead are anybody's within five seconds, instead of when they run out; `freed` then runs on the I/O thread.
class Presence {
  public:
    using Freed = std::function<void()>;
    virtual ~Presence() = default;
};
std::unique_ptr<Presence> keep_presence(const Secret& uri, core::ProcessId process,
                                        rt::asio::any_io_executor executor, const rt::Clock& clock,
                                        Presence::Freed freed);

// Hears of the log's growth, through a connection of its own: at once where other replicas say so (NOTIFY),
// else by a look once a second, which also finds events that were left without a place. Tells the others now
// and then that this replica lives. For the I/O thread, on which `hear` runs.
class LogListener {
  public:
    using Hear = std::function<void(const app::LogNews&)>;
    virtual ~LogListener() = default;
};
std::unique_ptr<LogListener> listen_to_log(const Secret& uri, core::ProcessId process,
                                           rt::asio::any_io_executor executor, const rt::Clock& clock,
                                           LogListener::Hear hear);

// ---- migrations: files are built into the binary; `folder` (tests) reads them from disk instead

struct MigrationStatus {
    std::string name;  // "0001_requests"
    bool applied = false;
    std::string applied_at;  // RFC 3339, empty while pending
};
// Blocking. Applies what is missing, each in a transaction, recorded with its checksum; one runner at a
// time (advisory lock). conflict: a recorded migration was edited or is missing; the detail names it.
Result<std::vector<MigrationStatus>> migrate(const Secret& uri, const std::string& folder = {});
Result<std::vector<MigrationStatus>> migration_status(const Secret& uri, const std::string& folder = {});

// Looks whether a server with a pool of so many connections could work on this database, and whether what it
// commits would last. Blocking, for up to about two seconds; changes nothing.
app::Checks examine(const Secret& uri, std::size_t pool, const rt::Clock& clock);

// ---- the private server of `dev`

// A PostgreSQL of our own under `folder`/postgres: initdb on first use, Unix socket inside the folder, no
// TCP, run by an unprivileged account when we are root. Dies with us (parent-death signal), is stopped
// cleanly by the destructor. Must be started on the main thread, before other threads exist.
class EmbeddedServer {
  public:
    // conflict: another process runs on this folder (the detail says which). unavailable: PostgreSQL 15 is
    // not installed, or did not start (the detail has its last log line).
    static Result<std::unique_ptr<EmbeddedServer>> start(const std::string& folder);
    virtual ~EmbeddedServer() = default;
    virtual Secret uri() const = 0;
    virtual int process() const = 0;  // the postmaster's pid
};

}  // namespace countersign::pg
