#include <fmt/core.h>

#include <cstring>

#include "cli/client.hpp"
#include "cli/console.hpp"
#include "cli/follow.hpp"
#include "cli/grant.hpp"
#include "cli/outcome.hpp"
#include "cli/spawn.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/request.hpp"

namespace countersign::cli {
namespace {

constexpr core::Duration cancelling_patience = std::chrono::seconds{5};
constexpr core::Duration reporting_patience = std::chrono::seconds{30};
constexpr core::Duration early_claims_every = std::chrono::seconds{15};

// One wrapped command, from filing to its outcome. Every step returns an exit code, or nothing to go on.
class Wrapped {
  public:
    Wrapped(Client& client, const RunOptions& options, Facts facts, Ask ask, core::Duration patience)
        : client_(client),
          options_(options),
          facts_(std::move(facts)),
          ask_(std::move(ask)),
          patience_(patience),
          progress_(client) {}

    int run() {
        if (auto end = file()) return *end;
        if (auto end = wait()) return *end;
        if (auto end = unchanged()) return *end;
        if (auto end = claim()) return *end;
        return execute();
    }

  private:
    std::optional<int> file();
    std::optional<int> wait();
    std::optional<int> unchanged();
    std::optional<int> claim();
    Result<Reply> claimed();
    std::optional<int> trust(const std::string& grant);
    int execute();
    int interrupted_while_filing();
    int withdrawn_after(int number);
    int given_back_after(int number);
    int not_approved(const core::Value& request);
    int lowered(const core::Value& request);
    int not_claimed(const Reply& reply);
    int not_started(const Ended& ended);
    void report(bool succeeded, const std::string& detail);

    Client& client_;
    const RunOptions& options_;
    Facts facts_;
    Ask ask_;
    core::Duration patience_;
    Progress progress_;
    std::string key_;
    std::string id_;
};

std::optional<int> Wrapped::file() {
    key_ = fresh_key(client_);
    core::Duration give_up_after = options_.ask.unreachable_after.empty() ? filing_patience : patience_;
    auto filed = file_request(client_, ask_.body, key_, give_up_after, progress_);
    if (!filed && client_.interrupted() != 0) return interrupted_while_filing();
    if (!filed) return complained(filed.error());
    id_ = std::string{(*filed)["id"].text()};
    auto digest = digest_as_filed(ask_, *filed);
    if (digest) ask_.digest = *digest;
    if (!digest || (*filed)["digest"].text() != ask_.digest) {
        complain("the server filed something else than was asked; cancelling it");
        auto cancelled = cancel(client_, id_, cancelling_patience);
        if (!cancelled) complain(cancelled.error().detail);
        return exit_changed;
    }
    std::string channels = channels_text(*filed);
    note(fmt::format("countersign: filed {} ({}){}", one_line(*filed), id_,
                     channels.empty() ? "" : "; people are asked in " + channels));
    return std::nullopt;
}

// It may have been filed. The same key finds out, so that nobody is asked for what nobody waits for.
int Wrapped::interrupted_while_filing() {
    int number = client_.interrupted();
    auto filed = file_request(client_, ask_.body, key_, core::Duration::zero(), progress_);
    if (!filed) {
        complain("interrupted; whether the request was filed is not known, and the command was not run");
        return exit_signal_base + number;
    }
    id_ = std::string{(*filed)["id"].text()};
    return withdrawn_after(number);
}

std::optional<int> Wrapped::wait() {
    auto decided = follow(client_, id_, patience_, progress_);
    if (!decided && client_.interrupted() != 0) return withdrawn_after(client_.interrupted());
    if (!decided) return complained(decided.error());
    if ((*decided)["state"].text() != "approved") return not_approved(*decided);
    note(fmt::format("countersign: {}", decision_line(*decided)));
    return std::nullopt;
}

// What was approved then is not this command: its words hold what was asked for. Nobody waits for the lowered
// request, so it goes.
int Wrapped::lowered(const core::Value& request) {
    std::string id{request["narrowed_to"]["id"].text()};
    auto withdrawn = cancel(client_, id, cancelling_patience);
    complain(
        fmt::format("{}; a command cannot be given other numbers after it was shown, so it was not run. Run "
                    "it again with these numbers.",
                    decision_line(request)));
    if (!withdrawn)
        note(fmt::format("countersign: {} could not be cancelled: {}", id, withdrawn.error().detail));
    return exit_changed;
}

int Wrapped::not_approved(const core::Value& request) {
    if (request["narrowed_to"].members() != nullptr) return lowered(request);
    complain(decision_line(request) + "; the command was not run");
    int code = exit_of_state(request["state"].text());
    // Claimed or further, but not by this process: whatever that was, it was not this.
    return code == exit_ok ? exit_changed : code;
}

int Wrapped::withdrawn_after(int number) {
    auto cancelled = cancel(client_, id_, cancelling_patience);
    if (!cancelled) {
        complain(
            fmt::format("interrupted, and {} could not be cancelled: {}", id_, cancelled.error().detail));
        return exit_signal_base + number;
    }
    complain(fmt::format("interrupted; {} is cancelled and the command was not run", id_));
    return exit_cancelled;
}

// The claim may have been made, or not: what was claimed is reported as failed, what was not is cancelled.
int Wrapped::given_back_after(int number) {
    auto cancelled = cancel(client_, id_, cancelling_patience);
    if (!cancelled) report(false, "interrupted before the command was started");
    complain(fmt::format("interrupted; the command of {} was not run", id_));
    return exit_signal_base + number;
}

std::optional<int> Wrapped::unchanged() {
    auto now = facts_of(options_.command, [this] { return client_.interrupted() != 0; });
    if (client_.interrupted() != 0) return withdrawn_after(client_.interrupted());
    if (now && *now == facts_) return std::nullopt;
    std::string what = now ? difference(facts_, *now) + " changed" : now.error().detail;
    complain(fmt::format("{} since {} was filed; the command was not run", what, id_));
    auto cancelled =
        cancel(client_, id_, cancelling_patience);  // else it would stay approved until it lapses
    if (!cancelled) complain(fmt::format("{} could not be cancelled: {}", id_, cancelled.error().detail));
    return exit_changed;
}

// One claim, with a key of its own, because an answer is repeated to whoever repeats the key.
Result<Reply> Wrapped::claimed() {
    Call call{.method = "POST",
              .path = fmt::format("/v1/requests/{}/claim", id_),
              .fields = {{"Idempotency-Key", fresh_key(client_)}},
              .body = core::Value::object({{"digest", ask_.digest}}),
              .shape = is_claim};
    auto trouble = [&](const Failure& failure) { progress_.trouble(failure); };
    return client_.finish(client_.insist(std::move(call), patience_, trouble));
}

// Policies may keep an approval from being used at once. It is claimed as soon as it can be, and the server
// ends the wait when the approval lapses.
std::optional<int> Wrapped::claim() {
    auto claimed = this->claimed();
    for (bool told = false; claimed && claimed->status == 409; told = true) {
        const Failure early = failure_of(*claimed);
        if (early.code != "too_early") break;
        if (!told) note(fmt::format("countersign: {} Waiting.", early.detail));
        auto paused = client_.finish(client_.pause(1, client_.now() + early_claims_every));
        if (!paused && client_.interrupted() != 0) return withdrawn_after(client_.interrupted());
        if (!paused) return complained(paused.error());
        claimed = this->claimed();
    }
    if (!claimed && client_.interrupted() != 0) return given_back_after(client_.interrupted());
    if (!claimed) return complained(claimed.error());
    if (claimed->status != 200) return not_claimed(*claimed);
    return trust(std::string{claimed->body["grant"].text()});
}

int Wrapped::not_claimed(const Reply& reply) {
    Failure failure = failure_of(reply);
    complain(failure.detail + "; the command was not run");
    if (reply.status == 410) return exit_expired;
    if (reply.status == 409 && failure.code == "not_approved") {
        auto now = follow(client_, id_, asking_patience, progress_);
        if (now && exit_of_state((*now)["state"].text()) != exit_ok)
            return exit_of_state((*now)["state"].text());
    }
    return reply.status == 409 ? exit_changed : exit_usage;
}

std::optional<int> Wrapped::trust(const std::string& grant) {
    auto trouble = [&](const Failure& failure) { progress_.trouble(failure); };
    Call call{.path = "/.well-known/jwks.json", .fields = {}, .body = {}, .shape = is_key_set};
    auto keys = client_.finish(client_.insist(std::move(call), patience_, trouble));
    if (!keys && client_.interrupted() != 0) return given_back_after(client_.interrupted());
    Result<Done> fine = Done{};
    if (!keys)
        fine = pass(keys);
    else if (keys->status != 200)
        fine = std::unexpected(failure_of(*keys));
    else
        fine = verify_grant(grant, keys->body,
                            {.request = id_,
                             .digest = ask_.digest,
                             .now = client_.now(),
                             .keys = client_.settings().grant_keys});
    if (fine) return std::nullopt;
    complain(fine.error().detail + "; the command was not run");
    report(false, "the command was not run: " + fine.error().detail);
    return keys ? exit_changed : exit_of(fine.error());
}

int Wrapped::execute() {
    Ended ended;
    {
        HeldSignals held;
        if (int number = client_.interrupted()) {
            ended.interrupted = number;
        } else {
            auto now = facts_of(options_.command, [&] {
                if (ended.interrupted == 0) ended.interrupted = held.take_ending(inherited());
                return ended.interrupted != 0;
            });
            if (!now)
                ended.changed = now.error().detail;
            else if (!(*now == facts_))
                ended.changed = difference(facts_, *now);
            else
                ended = run_command(*now, options_.command.argv, held, inherited());
        }
    }
    if (ended.interrupted != 0 || !ended.changed.empty() || ended.exec_error != 0) return not_started(ended);
    report(ended.code == 0, ended.signal != 0 ? fmt::format("killed by signal {}", ended.signal)
                                              : fmt::format("exit code {}", ended.code));
    return ended.code;
}

int Wrapped::not_started(const Ended& ended) {
    if (ended.interrupted != 0) {
        complain(fmt::format("interrupted; the command of {} was not run", id_));
        report(false, "interrupted before the command was started");
        return exit_signal_base + ended.interrupted;
    }
    if (!ended.changed.empty()) {
        complain(fmt::format("{} changed since {} was filed; the command was not run", ended.changed, id_));
        report(false, "the command was not run: something changed after approval");
        return exit_changed;
    }
    std::string why = fmt::format("{}: {}", visible(facts_.executable.path), std::strerror(ended.exec_error));
    complain(why);
    report(false, "the command could not be started: " + why);
    return ended.exec_error == ENOENT ? exit_not_found : exit_not_startable;
}

void Wrapped::report(bool succeeded, const std::string& detail) {
    Call call{
        .method = "POST",
        .path = fmt::format("/v1/requests/{}/outcome", id_),
        .fields = {{"Idempotency-Key", fresh_key(client_)}},
        .body = core::Value::object({{"status", succeeded ? "succeeded" : "failed"}, {"detail", detail}}),
        .shape = is_request_named(id_)};
    auto told = client_.finish(client_.insist(std::move(call), reporting_patience, {}));
    if (told && told->status == 200) return;
    complain(fmt::format("the outcome of {} ({}) could not be reported: {}", id_, detail,
                         told ? failure_of(*told).detail : told.error().detail));
}

}  // namespace

int run_verb(const RunOptions& options) {
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    hide_secrets();
    auto patience_given = patience(options.ask.unreachable_after, waiting_patience);
    if (!patience_given) return complained(patience_given.error());
    auto facts = facts_of(options.command);
    if (!facts) {
        complain(facts.error().detail);
        if (facts.error().code == command_not_found) return exit_not_found;
        return facts.error().code == command_not_startable ? exit_not_startable : exit_usage;
    }
    facts->program.close();  // opened again for the last look
    auto ask = make_ask(options.ask, facts->parameters);
    if (!ask) return complained(ask.error());
    Client client{std::move(*settings)};
    return Wrapped{client, options, std::move(*facts), std::move(*ask), *patience_given}.run();
}

}  // namespace countersign::cli
