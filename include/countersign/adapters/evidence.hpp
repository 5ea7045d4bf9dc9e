#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/chats.hpp"
#include "countersign/app/log_tail.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/app/stream_positions.hpp"
#include "countersign/app/tree.hpp"
#include "countersign/base/signing.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/tlog/note.hpp"

namespace countersign::evidence {

// Whom the published log belongs to, and where it is written down how far it was ever signed.
struct LogIdentity {
    tlog::NoteKey key;                   // its name is the log's origin
    std::vector<tlog::NoteKey> retired;  // what it was signed with before
    tlog::SignBytes sign;
    std::string mark;  // path of the high-water mark: the newest checkpoint, kept outside the database
};
// A public key that the log tells of, so that everybody sees since when it is used.
struct LoggedKey {
    std::string purpose;  // "grant", "decision", "log"
    PublicKey key;
    std::string until;  // of a retired one
};

// Keeps the published log up with the events: makes leaves of them, and signs checkpoints, each consistent
// with everything that was signed before. For the I/O thread.
class LogPublisher {
  public:
    virtual ~LogPublisher() = default;
    virtual rt::asio::awaitable<void> run() = 0;  // until cancelled
    // Why nothing is signed at the moment; empty: it is.
    virtual std::string problem() const = 0;
};
// `signs` false: leaves are made, and another replica signs.
struct PublisherParts {
    const app::Runtime& runtime;
    app::LogTail& log;
    app::TreeStore& tree;
};
std::unique_ptr<LogPublisher> make_log_publisher(LogIdentity identity, std::vector<LoggedKey> keys,
                                                 bool signs, PublisherParts parts);

// Somebody else who signs, with the time, each checkpoint that goes on from what they saw before (C2SP
// tlog-witness): with theirs below it, a server can neither take the log back nor show two of them.
struct Witness {
    tlog::NoteKey key;  // of the type cosignature
    std::string url;    // to which "/add-checkpoint" is appended
};
class Witnesses {
  public:
    virtual ~Witnesses() = default;
    virtual rt::asio::awaitable<void> run() = 0;  // until cancelled
    // Says which witness does not sign and why; empty: all do. A witness that saw more of the log than there
    // is says that the database was taken back.
    virtual std::string problem() const = 0;
};
struct WitnessParts {
    const app::Runtime& runtime;
    app::TreeStore& tree;
    net::HttpClient& client;
};
std::unique_ptr<Witnesses> make_witnesses(std::vector<Witness> witnesses, std::string origin,
                                          WitnessParts parts);

// Publishes the first checkpoint of each day (UTC) where the server's operators cannot change it: as a file
// of a folder, "2026-01-05.checkpoint", and in channels of chats. Each channel is told once a day, whichever
// replica does it and however often they restart; where it is not known whether it was, it counts as told.
class DailyCheckpoints {
  public:
    virtual ~DailyCheckpoints() = default;
    virtual rt::asio::awaitable<void> run() = 0;  // until cancelled
    virtual std::string problem() const = 0;      // why today's is missing somewhere; empty: it is not
};
struct DailyTargets {
    std::string folder;  // empty: none
    std::vector<std::pair<core::Surface, std::string>> channels;
};
struct DailyParts {
    const app::Runtime& runtime;
    app::TreeStore& tree;
    app::StreamPositions& positions;
    const app::Chats& chats;
};
std::unique_ptr<DailyCheckpoints> make_daily_checkpoints(DailyTargets targets, std::string origin,
                                                         DailyParts parts);

}  // namespace countersign::evidence
