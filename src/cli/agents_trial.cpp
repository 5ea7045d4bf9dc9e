#include "cli/agents_trial.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "cli/answer.hpp"
#include "cli/child.hpp"
#include "cli/console.hpp"
#include "cli/permission.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/network.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::cli {
namespace {

namespace fs = std::filesystem;
using agents::Host;
using core::Value;

constexpr core::Duration trial_patience = std::chrono::minutes{2};
constexpr core::Duration trial_look_every = std::chrono::milliseconds{250};
constexpr core::Duration trial_call_patience = std::chrono::seconds{5};
constexpr core::Duration trial_ending_patience = std::chrono::seconds{2};
constexpr std::size_t trial_connections_max = 100;
constexpr std::size_t trial_log_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t trial_log_shown_max = 200;

// A folder that is gone when this is.
class TrialFolder {
  public:
    TrialFolder() {
        std::error_code ec;
        path_ = (fs::temp_directory_path(ec) / "countersign-trial-XXXXXX").string();
        if (::mkdtemp(path_.data()) == nullptr) path_.clear();
    }
    ~TrialFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    TrialFolder(const TrialFolder&) = delete;
    TrialFolder& operator=(const TrialFolder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

bool write_within(const std::string& folder, const std::string& name, const std::string& text) {
    std::error_code ec;
    auto path = fs::path{folder} / name;
    fs::create_directories(path.parent_path(), ec);
    std::ofstream file{path};
    file << text;
    file.flush();
    return !ec && bool(file);
}

class AgentTrial {
  public:
    AgentTrial(Client& client, const TrialOfAgent& trial)
        : client_(client),
          trial_(trial),
          permissions_(client),
          marker_("ran-" + permissions_.random_text()),
          work_(folder_.path() + "/work"),
          model_(trial.host, fmt::format("touch {}/{}", work_, marker_)),
          connections_(client.loop().executor(), trial_connections_max, rt::report_bug),
          tasks_(client.loop().executor(), 1, rt::report_bug),
          network_(
              net::make_network(client.loop().executor(), client.loop().clock(), client.loop().timers())) {}
    Verdict run();

  private:
    Result<Done> start();
    Later<Done> watch();
    Later<Done> end();
    Later<std::optional<Value>> request();
    rt::asio::awaitable<void> speak(net::HttpExchange& exchange);
    std::vector<std::string> command(const agents::Trial& trial) const;
    Verdict verdict() const;
    std::string last_words() const;

    Client& client_;
    const TrialOfAgent& trial_;
    Permissions permissions_;
    TrialFolder folder_;
    std::string marker_;
    std::string work_;
    agents::TrialModel model_;
    rt::TaskGroup connections_;
    rt::TaskGroup tasks_;
    std::unique_ptr<net::Network> network_;
    std::unique_ptr<net::Listener> listener_;
    std::optional<Child> agent_;
    std::optional<Value> asked_;  // the request that the hook filed, as it is
    std::optional<std::string> told_;
    bool model_asked_ = false;
    bool ended_ = false;
};

rt::asio::awaitable<void> AgentTrial::speak(net::HttpExchange& exchange) {
    const auto& request = exchange.request();
    auto body = wire::parse_json(request.body, {.bytes_max = agents::model_body_bytes_max, .strict = false});
    auto answer = model_.answer(request.target, body ? *body : Value::object());
    model_asked_ = model_asked_ || answer.asks;
    if (answer.told) told_ = answer.told;
    net::HttpResponse response{.status = 200, .fields = {}, .body = std::move(answer.body)};
    response.fields.add("Content-Type", std::move(answer.type));
    (void)co_await exchange.respond(std::move(response));
}

// Nothing of this account's is handed on but the PATH.
std::vector<std::string> AgentTrial::command(const agents::Trial& trial) const {
    const char* path = std::getenv("PATH");
    std::vector<std::string> words{"sh",
                                   "-c",
                                   "exec \"$@\" >\"$0\" 2>&1 </dev/null",
                                   folder_.path() + "/log",
                                   "env",
                                   "-i",
                                   "-C",
                                   work_,
                                   "TERM=dumb",
                                   "HOME=" + folder_.path(),
                                   fmt::format("PATH={}", path != nullptr ? path : "/usr/bin:/bin")};
    for (const auto& [name, value] : trial.environment) words.push_back(fmt::format("{}={}", name, value));
    words.push_back(trial_.program);
    words.insert(words.end(), trial.arguments.begin(), trial.arguments.end());
    return words;
}

Result<Done> AgentTrial::start() {
    std::error_code ec;
    if (folder_.path().empty() || !fs::create_directory(work_, ec))
        return fail(Trouble::unavailable, "no folder for the trial can be made");
    auto listener = network_->listen("127.0.0.1:0");
    if (!listener) return pass(listener);
    listener_ = std::move(*listener);
    auto trial =
        agents::trial_of(trial_.host, {.home = folder_.path(),
                                       .work = work_,
                                       .model_url = fmt::format("http://127.0.0.1:{}", listener_->port()),
                                       .own_settings = trial_.own_settings});
    if (!trial) return pass(trial);
    if (!*trial) return fail(Trouble::not_found, "it cannot be run without its service");
    for (const auto& [name, text] : (*trial)->files)
        if (!write_within(folder_.path(), name, text))
            return fail(Trouble::unavailable, fmt::format("{} cannot be written", name));
    net::HttpService service{[this](net::HttpExchange& exchange) { return speak(exchange); }};
    (void)tasks_.start("trial model", net::serve_http(*listener_, std::move(service), connections_,
                                                      client_.loop().clock(), client_.loop().timers(),
                                                      {.body_bytes_max = agents::model_body_bytes_max}));
    auto agent = Child::start(command(**trial), inherited());
    if (!agent) return pass(agent);
    agent_.emplace(std::move(*agent));
    return Done{};
}

// The request whose parameters name the marker, as its hook filed it; nothing: there is none.
Later<std::optional<Value>> AgentTrial::request() {
    Call call{.path = "/v1/requests?limit=20",
              .fields = {},
              .body = {},
              .patience = trial_call_patience,
              .shape = is_request_list};
    auto reply = co_await client_.call(std::move(call));
    if (!reply) co_return pass(reply);
    if (reply->status != 200) co_return std::unexpected(failure_of(*reply));
    for (const Value& each : *reply->body["requests"].items())
        if (core::canonical(each["parameters"]).find(marker_) != std::string::npos) co_return each;
    co_return std::nullopt;
}

Later<Done> AgentTrial::watch() {
    const auto until = client_.now() + trial_patience;
    while (!agent_->ended() && client_.now() < until) {
        auto ec = co_await client_.loop().timers().sleep_until(client_.now() + trial_look_every);
        if (ec) co_return fail(Trouble::cancelled, "interrupted");
        auto found = co_await request();
        if (!found || !*found) continue;
        asked_ = std::move(**found);
        if ((*asked_)["state"].text() != "pending") continue;
        auto withdrawn =
            co_await permissions_.withdraw(std::string{(*asked_)["id"].text()}, trial_call_patience);
        if (withdrawn) asked_ = std::move(*withdrawn);
    }
    ended_ = agent_->ended();
    auto last = co_await request();
    if (last && *last) asked_ = std::move(**last);
    co_return Done{};
}

Later<Done> AgentTrial::end() {
    if (listener_) listener_->close();
    auto& timers = client_.loop().timers();
    co_await connections_.end(timers, client_.now() + trial_ending_patience);
    co_await tasks_.end(timers, client_.now() + trial_ending_patience);
    co_return Done{};
}

std::string AgentTrial::last_words() const {
    auto log = config::read_file(folder_.path() + "/log", trial_log_bytes_max);
    if (!log) return {};
    auto text = trim(*log);
    if (text.size() > trial_log_shown_max) text.remove_prefix(text.size() - trial_log_shown_max);
    return printable(text);
}

Verdict AgentTrial::verdict() const {
    std::error_code ec;
    const bool ran = fs::exists(work_ + "/" + marker_, ec);
    const std::string install =
        fmt::format("countersign agents install --managed {}", agents::name_of(trial_.host));
    auto number = asked_ ? fmt::format("#{}", (*asked_)["number"].whole()) : std::string{};
    if (ran && !asked_)
        return {
            .good = false,
            .what = "tried: a call ran, and nobody was asked about it",
            .fix = trial_.host == Host::codex && !trial_.own_settings.empty()
                       ? "a new home folder has no reviewed hooks; a managed hook needs no review: " + install
                       : install};
    if (ran)
        return {.good = false,
                .what = fmt::format(
                    "tried: asked about as {}, and the policy let it run: a denial was not seen", number),
                .fix = fmt::format("let a rule ask about {}", (*asked_)["action"].text())};
    if (!model_asked_ || !ended_)
        return {
            .good = false,
            .what = fmt::format("tried: the agent {}: {}",
                                model_asked_ ? "did not end" : "did not get as far as a call", last_words()),
            .fix = "run it once by hand"};
    if (asked_)
        return {.good = true,
                .what = fmt::format("tried: a call that was denied ({}) did not run", number),
                .fix = {}};
    if (told_)
        return {
            .good = true, .what = fmt::format("tried: a call did not run: {}", printable(*told_)), .fix = {}};
    return {.good = false,
            .what = "tried: a call did not run, and no hook of countersign says why: " + last_words(),
            .fix = install};
}

Verdict AgentTrial::run() {
    auto started = start();
    auto watched = started ? client_.finish(watch()) : Result<Done>{pass(started)};
    auto said =
        watched
            ? verdict()
            : Verdict{.good = false, .what = "not tried: " + watched.error().detail, .fix = "try it by hand"};
    if (agent_) agent_->signal(SIGKILL);
    while (connections_.size() + tasks_.size() > 0) (void)client_.finish(end());
    return said;
}

}  // namespace

Verdict try_agent(Client& client, const TrialOfAgent& trial) {
    return std::make_unique<AgentTrial>(client, trial)->run();
}

}  // namespace countersign::cli
