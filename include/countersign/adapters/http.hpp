#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/app/hiding.hpp"
#include "countersign/app/receipts.hpp"
#include "countersign/app/requests.hpp"
#include "countersign/app/tree.hpp"
#include "countersign/app/vote_questions.hpp"
#include "countersign/app/webhooks.hpp"
#include "countersign/base/signing.hpp"
#include "countersign/net/route.hpp"
#include "countersign/rt/workbench.hpp"

namespace countersign::http {

// A key that others check our signatures with. `until`: a retired one's last day or moment; empty: in use.
struct PublishedKey {
    PublicKey key;
    std::string until;
};
// By what they sign; those in use come first.
struct PublicKeys {
    std::vector<PublishedKey> grant;
    std::vector<PublishedKey> decision;
    std::vector<PublishedKey> log;
};

// What is published of them: JSON by purpose, see /.well-known/countersign-keys.json. `origin`: the log's
// name.
core::Value keys_document(const PublicKeys& keys, const std::string& origin);

struct HttpSettings {
    std::string public_url;               // issuer of grants and base of absolute links; empty: relative
    std::size_t requests_per_minute = 0;  // per token; 0: any
    Secret access_key;  // what access tokens are made with, the same on every replica; empty: there are none
    // What is kept of the newest events for those who stream them; who falls behind it is cut off.
    std::size_t tail_events_max = 4'096;
    std::size_t tail_bytes_max = 8 * 1'048'576;
    std::string log_origin = "localhost/log";  // the name of the published log
    bool log_open = true;                      // whether /log/ is answered at all
    PublicKeys public_keys = {};
};

// `/readyz` asks this of one dependency.
struct Readiness {
    std::function<std::string()> problem;  // empty: fine
    std::string name;                      // "database", "slack", "schema"
    // The server is unready without each of the needed ones, and without all of several. While another one
    // of several works, a problem is a warning; one of what is only told of always is.
    enum class Weight : std::uint8_t { needed, one_of_several, only_told } weight = Weight::needed;
};

// A number that is looked up whenever /metrics is asked for. Names and labels come from closed lists.
struct Measure {
    std::string_view name;  // "countersign_chat_connections"
    std::string_view help;
    std::string_view label;  // "chat"; empty: none
    std::string label_value;
    double value = 0;
};

// The numbers behind /metrics. Labels come from closed lists only, never from callers.
class Metrics : public app::Counters {
  public:
    // `timed` false: the time was spent waiting on purpose.
    virtual void answered(std::string_view route, unsigned status, core::Duration took, bool timed) = 0;
    virtual void waiting(std::size_t waiters, std::size_t streams) = 0;
    // How long somebody's click or command in this chat waited for its acknowledgement.
    virtual void acknowledged(std::string_view chat, core::Duration took) = 0;
    // What was measured before and is not among these is not shown any more.
    virtual void measured(const std::vector<Measure>& measures) = 0;
    virtual std::string text() const = 0;  // Prometheus' text format, version 0.0.4
};
std::unique_ptr<Metrics> make_metrics();

// This is the API that callers use; its `handler` is given to net::serve_http.
class Api {
  public:
    virtual ~Api() = default;
    virtual net::HttpHandler handler() = 0;
    // Says from a request's head whether its body is worth reading: not without a token that is let in.
    virtual net::HttpDoorkeeper doorkeeper() = 0;
    // What HTTP itself refuses (a body that is too large), as the path that was asked says it.
    virtual net::HttpRefusalWords refusal_words() = 0;
    // Answers a path of another adapter, too. Before the first call.
    virtual void add(net::Route route) = 0;
    // Every call that is answered: its method and its path, {"GET", "/v1/requests/{id}"}.
    virtual std::vector<std::pair<std::string, std::string>> calls() const = 0;
    // Hands events on to the streams; until cancelled.
    virtual rt::asio::awaitable<void> follow() = 0;
    // Writes down when tokens were last used; until cancelled.
    virtual rt::asio::awaitable<void> note_uses() = 0;
};

struct Parts {
    app::Requests& requests;
    app::Webhooks& webhooks;
    app::Roster& roster;
    app::OutboxStore& outbox;  // where requests are shown, and where they cannot be
    app::LogTail& log;
    app::TreeStore& tree;
    app::TokenStore& tokens;
    app::WorkloadIdentity& workloads;
    const app::Hiding& hiding;
    app::VoteQuestions& vote_questions;
    Metrics& metrics;
    std::function<std::vector<Measure>()> measures = {};  // may be empty
    rt::Workbench* workbench = nullptr;                   // where big bodies are read; none: here
    const app::ReceiptLinks* receipts = nullptr;          // nullptr: no link opens a receipt, tokens do
};
// Each signs one thing: grants, or statements of decisions.
struct SigningKeys {
    const Signer& grant;
    const Signer& decision;
    rt::Workbench* bench = nullptr;  // where slow ones sign; none: here
};
std::unique_ptr<Api> make_api(HttpSettings settings, const app::Runtime& runtime, Parts parts,
                              SigningKeys keys, std::function<std::vector<Readiness>()> readiness);

}  // namespace countersign::http
