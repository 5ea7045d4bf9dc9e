#include "countersign/agents/hook.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <optional>
#include <utility>

#include "cli/call_notes.hpp"
#include "cli/client.hpp"
#include "cli/follow.hpp"
#include "cli/home.hpp"
#include "cli/inherited.hpp"
#include "cli/outcome.hpp"
#include "cli/permission.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

using agents::HookAnswer;
using agents::HookCall;
using agents::HookWord;
using agents::Host;

constexpr int exit_blocks = 2;  // in every host that is known, with a reason on stderr
constexpr std::chrono::seconds input_patience{5};
constexpr core::Duration withdrawing_patience = std::chrono::seconds{2};
constexpr core::Duration outcome_patience = std::chrono::seconds{10};
constexpr core::Duration defers_after = std::chrono::seconds{2};
constexpr std::chrono::seconds guard_slack{5};  // between the hook's own deadline and the guard's
constexpr std::int64_t deadline_s_max = 24 * 3600;

// ---- the guard: what is written when nothing else can be trusted any more

constexpr std::string_view guard_reason =
    "countersign: NOT RUN: the gate itself failed, and what it cannot ask about does not run; tell the "
    "user\n";
constexpr std::string_view unreported_reason = "countersign: the outcome of a call was not reported\n";
// A denial in the host's own words, as soon as the host is known. Signal handlers read it.
std::array<char, agents::hook_answer_bytes_max> guard_answer{};
volatile std::sig_atomic_t guard_answer_bytes = 0;
volatile std::sig_atomic_t guard_silent_code = exit_blocks;
volatile std::sig_atomic_t answered = 0;  // stdout has had its one write
// Once a tool has run there is nothing to block, and hosts take 2 for a word about the tool.
volatile std::sig_atomic_t has_run = 0;

// Writes with one call, and says whether all of it was taken.
bool write_at_once(int fd, const char* bytes, std::size_t size) {
    ssize_t written = 0;
    do written = ::write(fd, bytes, size);
    while (written < 0 && errno == EINTR);
    return written == static_cast<ssize_t>(size);
}

[[noreturn]] void end_blocked() {
    if (has_run != 0) {
        write_at_once(STDERR_FILENO, unreported_reason.data(), unreported_reason.size());
        ::_exit(exit_failed);
    }
    bool out = false;
    if (answered == 0 && guard_answer_bytes > 0) {
        answered = 1;
        out = write_at_once(STDOUT_FILENO, guard_answer.data(), static_cast<std::size_t>(guard_answer_bytes));
    }
    bool error = write_at_once(STDERR_FILENO, guard_reason.data(), guard_reason.size());
    ::_exit(out && !error ? guard_silent_code : exit_blocks);
}

extern "C" void countersign_hook_ended(int) {
    end_blocked();
}

// A loop that hangs cannot see its deadline: this one comes as a signal.
void guard_until(std::chrono::seconds from_now) {
    struct sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMIN;
    timer_t timer{};
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) end_blocked();
    itimerspec at{};
    at.it_value.tv_sec = from_now.count();
    ::timer_settime(timer, 0, &at, nullptr);
}

void remember_denial(const HookCall& call) {
    auto denial = agents::hook_answer(call, HookWord::deny, trim(guard_reason));
    if (denial.out.size() > guard_answer.size()) return;
    std::ranges::copy(denial.out, guard_answer.begin());
    guard_silent_code = denial.silent_code;
    guard_answer_bytes = static_cast<std::sig_atomic_t>(denial.out.size());
}

// ---- input and output

Result<std::string> read_input() {
    std::string input;
    std::array<char, 64 * 1024> piece{};
    auto bad = [](const char* what) {
        return fail(Trouble::invalid_input,
                    fmt::format("the hook's input {}; the agent starts `countersign hook` with one JSON "
                                "object on stdin",
                                what));
    };
    while (true) {
        pollfd ready{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        int polled = ::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds{input_patience}.count()));
        if (polled < 0 && errno == EINTR) continue;
        if (polled <= 0) return bad("did not end in time");
        ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return bad("cannot be read");
        if (got == 0) break;
        input.append(piece.data(), static_cast<std::size_t>(got));
        if (input.size() > agents::hook_input_bytes_max) return bad("is too large to be asked about");
    }
    return input;
}

// Writes the one answer. What was meant to let the tool run and could not be written blocks it.
int give(const HookAnswer& answer) {
    bool out = answer.out.empty();
    if (!out && answered == 0) {
        answered = 1;
        out = write_at_once(STDOUT_FILENO, answer.out.data(), answer.out.size());
    }
    if (answer.code == 0) {
        if (out) return answer.code;
        write_at_once(STDERR_FILENO, guard_reason.data(), guard_reason.size());
        return exit_blocks;
    }
    bool error = write_at_once(STDERR_FILENO, answer.error.data(), answer.error.size());
    return out && !error ? answer.silent_code : answer.code;
}

// ---- the question

// Where a hook leaves word for the one that is started after the tool.
std::string outcome_note(std::string_view name) {
    return fmt::format("ran-{}", name);
}

std::string login_name() {
    const passwd* account = ::getpwuid(::getuid());
    return account != nullptr ? std::string{account->pw_name} : fmt::format("{}", ::getuid());
}

std::string machine_name() {
    utsname names{};
    return ::uname(&names) == 0 ? std::string{names.nodename} : std::string{};
}

// Hosts end a hook after 30 s to ten minutes, and most of them then run the tool. Where the timeout is
// ours to write, `agents install` writes both; these are for what people write themselves.
core::Duration usual_deadline(Host host) {
    switch (host) {
        case Host::claude_code:
            return std::chrono::seconds{585};  // of 600
        case Host::codex:
        case Host::gemini_cli:
        case Host::cursor:
            return std::chrono::seconds{45};  // of 60
        case Host::copilot_cli:
        case Host::vscode:
        case Host::windsurf:
            break;
    }
    return std::chrono::seconds{15};  // of 30
}

Result<core::Duration> deadline_of(const HookOptions& options, Host host) {
    if (options.deadline.empty()) return usual_deadline(host);
    auto seconds = parse_duration_s(options.deadline);
    if (!seconds || *seconds > deadline_s_max)
        return fail(Trouble::invalid_input, "--deadline must be a duration of at most a day, such as 8m");
    return std::chrono::seconds{*seconds};
}

ToolCall question(const HookOptions& options, const HookCall& call) {
    ToolCall asked{.action = call.action,
                   .resource = call.resource,
                   .environment = options.agent.environment,
                   .parameters = call.parameters,
                   .labels = desk_labels(),
                   .on_behalf_of = people_behind(options.agent)};
    asked.labels.emplace_back("agent", name_of(call.host));
    asked.labels.emplace_back("session", visible(call.session));
    return asked;
}

HookWord word_of(const HookOptions& options, const HookCall& call, const Permission& permission) {
    if (permission.word == Permission::Word::granted) {
        // A dialog is what this event is about: no opinion would show it.
        bool asked_instead = call.shape == agents::AnswerShape::permission_request ||
                             call.shape == agents::AnswerShape::copilot_permission;
        bool allows = permission.by_people && (options.skips_prompt || options.defers || asked_instead);
        return allows ? HookWord::allow : HookWord::no_opinion;
    }
    bool waits = permission.word == Permission::Word::pending;
    return waits && options.defers && call.host == Host::claude_code ? HookWord::defer : HookWord::deny;
}

// `alive` holds the client until the answer is written: while it lives, it catches the signals that would
// end us.
HookAnswer asked(const HookOptions& options, const HookCall& call, core::Duration deadline,
                 std::optional<Client>& alive) {
    auto settings = client_settings(options.agent.server);
    if (!settings) return agents::hook_answer(call, HookWord::deny, "NOT RUN: " + settings.error().detail);
    Client& client = alive.emplace(std::move(*settings));
    Permissions permissions{client};
    auto wait = options.defers ? std::min(deadline, defers_after) : deadline;
    ToolCall tool = question(options, call);
    std::string id;
    Wanted wanted{.body = body_of(tool),
                  .digest = digest_of(tool),
                  .session = fmt::format("{}\n{}", name_of(call.host), call.session),
                  .until = client.now() + wait,
                  .on_wait = [&](const core::Value& request) { id = request["id"].text(); }};
    auto keep = [&]() -> Later<Permission> {
        auto permission = co_await permissions.ask(std::move(wanted));
        co_return permission;
    };
    // Hosts end a hook by killing the shell that started it: what nobody hears is not waited for.
    auto orphaned = [parent = ::getppid()] {
        if (::getppid() != parent) (void)std::raise(SIGTERM);
    };
    auto permission = client.finish(keep(), orphaned);
    if (client.interrupted() != 0) {
        // Nobody is to decide about what nobody waits for.
        if (!id.empty()) (void)cancel(client, id, withdrawing_patience);
        return agents::hook_answer(call, HookWord::deny, "NOT RUN: the hook was interrupted");
    }
    if (!permission)
        return agents::hook_answer(call, HookWord::deny, "NOT RUN: " + permission.error().detail);
    if (permission->word == Permission::Word::granted)
        CallNotes{home_folder(), client.now()}.add(outcome_note(agents::hook_call_names(call).front()),
                                                   permission->request);
    return agents::hook_answer(call, word_of(options, call, *permission), permission->text);
}

// The request with which a call was allowed that has ended now; nothing: it was not asked about by this
// account within two days.
std::optional<std::string> request_of(const HookCall& call, const CallNotes& notes) {
    for (const auto& name : agents::hook_call_names(call))
        if (auto id = notes.take(outcome_note(name))) return id;
    return std::nullopt;
}

HookAnswer reported(const HookOptions& options, std::optional<Client>& alive) {
    auto input = read_input();
    auto outcome = input ? agents::read_hook_outcome(*input) : Result<agents::HookOutcome>{pass(input)};
    // It might be the question whether a tool may run, which is not answered by silence.
    if (!outcome) return agents::unread_hook_answer("countersign: NOT RUN: " + outcome.error().detail);
    has_run = 1;
    guard_until(std::chrono::ceil<std::chrono::seconds>(outcome_patience) + guard_slack);
    const HookAnswer done{.out = "{}\n", .error = {}, .code = 0};
    auto settings = client_settings(options.agent.server);
    Result<core::Value> told = core::Value{};
    if (settings) {
        Client& client = alive.emplace(std::move(*settings));
        auto id = request_of(outcome->call, CallNotes{home_folder(), client.now()});
        if (!id) return done;
        Permissions permissions{client};
        told = client.finish(
            permissions.report(std::move(*id), outcome->failed, outcome->detail, outcome_patience));
    }
    if (settings && told) return done;
    auto why = settings ? told.error().detail : settings.error().detail;
    return {.out = {},
            .error = fmt::format("countersign: the outcome of a call was not reported: {}\n", why),
            .code = exit_failed,
            .silent_code = exit_failed};
}

HookAnswer answered_call(HookOptions options, std::optional<Client>& alive) {
    options.agent.server.quiet = true;
    if (options.outcome) return reported(options, alive);
    auto input = read_input();
    if (!input) return agents::unread_hook_answer("countersign: NOT RUN: " + input.error().detail);
    auto call = agents::read_hook(*input);
    if (!call) return agents::unread_hook_answer("countersign: NOT RUN: " + call.error().detail);
    remember_denial(*call);
    auto deadline = deadline_of(options, call->host);
    if (!deadline) return agents::hook_answer(*call, HookWord::deny, "NOT RUN: " + deadline.error().detail);
    guard_until(std::chrono::ceil<std::chrono::seconds>(*deadline) + guard_slack);
    return asked(options, *call, *deadline, alive);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> desk_labels() {
    return {{"login", login_name()}, {"machine", machine_name()}};
}

std::vector<std::string> people_behind(const AgentOptions& options) {
    constexpr std::string_view login = "{login}";
    std::vector<std::string> people;
    for (std::string person : options.on_behalf_of) {
        if (auto at = person.find(login); at != std::string::npos)
            person.replace(at, login.size(), login_name());
        people.push_back(std::move(person));
    }
    return people;
}

void guard_hook() {
    static std::array<char, 64 * 1024> own_stack{};  // the usual one may be what has run out
    stack_t stack{};
    stack.ss_sp = own_stack.data();
    stack.ss_size = own_stack.size();
    ::sigaltstack(&stack, nullptr);
    struct sigaction action{};
    action.sa_handler = countersign_hook_ended;
    action.sa_flags = SA_ONSTACK;
    sigfillset(&action.sa_mask);
    for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGXFSZ, SIGRTMIN})
        ::sigaction(number, &action, nullptr);
    for (int number : ending_signals) ::sigaction(number, &action, nullptr);
}

int hook_verb(const HookOptions& options) {
    std::optional<Client> alive;
    try {
        int code = give(answered_call(options, alive));
        ::_exit(code);  // what ends in order could still fail
    } catch (...) {     // out of memory, for one: nothing here may allocate
        end_blocked();
    }
}

}  // namespace countersign::cli
