#pragma once
#include <memory>
#include <string>
#include <vector>

#include "countersign/app/log.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/app/tree.hpp"
#include "countersign/base/signing.hpp"
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

}  // namespace countersign::evidence
