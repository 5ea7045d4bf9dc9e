#pragma once
#include <memory>
#include <string>
#include <vector>

#include "countersign/app/log.hpp"
#include "countersign/app/runtime.hpp"
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
    app::Log& log;
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

}  // namespace countersign::evidence
