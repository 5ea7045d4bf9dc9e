#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/answer.hpp"
#include "cli/loop.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/core/value.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/network.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::cli {

struct ClientSettings {
    std::string url;  // "http://127.0.0.1:8480", no slash at its end
    Secret token;     // may be empty: the server says what is missing
    // Ids of the keys whose grants are trusted; empty: any that the server publishes.
    std::vector<std::string> grant_keys;
};
// What the command line says about the server beats the environment, which whoever is gated may have written.
struct ServerOptions {
    std::string url;
    std::string token_file;
    std::vector<std::string> grant_keys = {};
    bool quiet = false;  // stderr is read by others
};
// COUNTERSIGN_URL, COUNTERSIGN_GRANT_KEYS, and COUNTERSIGN_TOKEN or the token that `dev` left in its folder.
// Says on stderr when the token would go over the network in plain text.
Result<ClientSettings> client_settings(const ServerOptions& told = {});

// Says whether a URL's host is this machine, so that nobody can read what is sent to it.
bool on_this_machine(std::string_view host);

struct Call {
    std::string method = "GET";
    std::string path;  // "/v1/requests"
    std::vector<std::pair<std::string, std::string>> fields;
    std::optional<core::Value> body;
    core::Duration patience{std::chrono::seconds{15}};  // for one attempt
    Shape shape = is_object;                            // of an answer with 200 or 201
};
struct Reply {
    unsigned status = 0;
    core::Value body;
    std::string etag;
};
// A page that is no JSON, as it came.
struct Page {
    unsigned status = 0;
    std::string text;
};
// What a problem document says, as one line.
Failure failure_of(const Reply& reply);

// The API as the client verbs see it: one thread, one io_context that runs while something is awaited.
class Client {
  public:
    // Each call that waits for a decision needs a connection of its own.
    explicit Client(ClientSettings settings, std::size_t connections_max = 32);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Runs `work` to its end, as Loop::finish does.
    template <class T>
    Result<T> finish(Later<T> work, std::function<void()> each_second = {}) {
        return loop_.finish(std::move(work), std::move(each_second));
    }
    int interrupted() { return loop_.interrupted(); }

    // Makes one attempt. What the server answered with a status below 500 but 429 is a value; else it fails
    // with unavailable, overloaded or timed_out, with `not_before` where Retry-After said so. What another
    // than the server answered (a page of a proxy, say) is `unavailable`; a redirection is invalid_input.
    Later<Reply> call(Call call);
    // Gets a page that needs no token, of whatever status.
    Later<Page> text(std::string path, core::Duration patience);
    // Attempts until one has a value or failures have gone on for `give_up_after`. Only for calls that may
    // safely be repeated. `on_trouble` hears of the first failure in a row.
    Later<Reply> insist(Call call, core::Duration give_up_after,
                        std::function<void(const Failure&)> on_trouble);
    // The wait before attempt `failures` + 1: growing, jittered, at most 5 s; or as long as the server asked
    // for, at most a minute, and not past `give_up`, when the last attempt is made.
    Later<Done> pause(unsigned failures, std::optional<core::Instant> not_before = std::nullopt,
                      core::Instant give_up = core::Instant::max());

    const ClientSettings& settings() const { return settings_; }
    core::Instant now() const { return loop_.now(); }
    rt::Entropy& entropy() { return loop_.entropy(); }
    Loop& loop() { return loop_; }

  private:
    Result<Reply> understood(const Call& call, Reply reply, const net::Fields& fields) const;

    ClientSettings settings_;
    Loop loop_;
    std::unique_ptr<net::Network> network_;
    std::unique_ptr<net::HttpClient> http_;
};

}  // namespace countersign::cli
