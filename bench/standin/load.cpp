#include "load.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace bench {
namespace {

constexpr Nanos answer_wait_max = 15 * second;  // after the last click or request
constexpr Nanos settle = 500 * millisecond;     // lets waiters register before the first click

Nanos processor_time() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    auto nanos = [](const timeval& t) { return static_cast<Nanos>(t.tv_sec) * second + t.tv_usec * 1'000; };
    return nanos(usage.ru_utime) + nanos(usage.ru_stime);
}

double in_milliseconds(Nanos t) {
    return static_cast<double>(t) / static_cast<double>(millisecond);
}

class Latencies {
  public:
    void add(Nanos t) { all_.push_back(t); }
    std::string json() {
        if (all_.empty()) return "null";
        std::ranges::sort(all_);
        return fmt::format(R"({{"p50":{:.3f},"p90":{:.3f},"p99":{:.3f},"max":{:.3f},"count":{}}})", at(0.5),
                           at(0.9), at(0.99), at(1), all_.size());
    }

  private:
    double at(double share) const {
        auto rank = std::ceil(share * static_cast<double>(all_.size()));
        return in_milliseconds(all_[std::max(static_cast<std::size_t>(rank), std::size_t{1}) - 1]);
    }
    std::vector<Nanos> all_;
};

std::string authorization(const Api& api) {
    return api.token.empty() ? std::string{} : fmt::format("Authorization: Bearer {}\r\n", api.token);
}

class Filing : public Job, public ConnectionOwner {
  public:
    Filing(Loop& loop, Workspace& workspace, FilePlan plan)
        : workspace_(workspace),
          plan_(std::move(plan)),
          cards_before_(workspace.open_cards()),
          began_(now()),
          processor_before_(processor_time()) {
        for (std::size_t i = 0; i < plan_.connections; ++i)
            open_.push_back(&loop.connect(plan_.api.port, *this));
        for (auto* connection : open_) send(*connection);
    }
    ~Filing() override {
        for (auto* connection : open_) connection->abandon();
    }

    void received(Connection& connection, Nanos at) override {
        while (true) {
            HttpMessage answer;
            auto parsed = parse_message(connection.input(), scratch_, answer);
            if (parsed == Parsed::partial) return;
            if (parsed == Parsed::broken) return connection.close();
            ++answered_;
            if (answer.status() == 201)
                latencies_.add(at - sent_at_[&connection]);
            else if (++refused_ == 1)
                first_refusal_ = fmt::format("{} {}", answer.start_line, answer.body);
            last_answer_at_ = at;
            connection.consume(answer.bytes);
            send(connection);
        }
    }
    void closed(Connection& connection) override { std::erase(open_, &connection); }

    bool done(Nanos at) override {
        auto cards = workspace_.open_cards() - cards_before_;
        if (cards > cards_seen_) {
            cards_seen_ = cards;
            last_card_at_ = at;
        }
        bool answered = answered_ == plan_.count || open_.empty();
        if (answered && cards_seen_ >= answered_ - refused_) return true;
        return at > std::max(last_answer_at_, last_card_at_) + answer_wait_max &&
               at > began_ + answer_wait_max;
    }
    Nanos step(Nanos at) override { return at + 10 * millisecond; }

    std::string report() override {
        auto elapsed = std::max<Nanos>(last_answer_at_ - began_, 1);
        auto until_cards = std::max<Nanos>(last_card_at_ - began_, 1);
        auto per_second = [](std::size_t count, Nanos time) {
            return static_cast<double>(count) * static_cast<double>(second) / static_cast<double>(time);
        };
        return fmt::format(
            R"({{"requests":{},"refused":{},"first_refusal":"{}","per_second":{:.1f},"cards":{},)"
            R"("cards_per_second":{:.1f},"seconds":{:.3f},"standin_cpu_us_each":{:.1f},"answer_ms":{}}})",
            answered_ - refused_, refused_, plain(first_refusal_), per_second(answered_ - refused_, elapsed),
            cards_seen_, per_second(cards_seen_, until_cards), in_milliseconds(elapsed) / 1e3,
            static_cast<double>(processor_time() - processor_before_) / 1e3 /
                static_cast<double>(std::max<std::size_t>(answered_, 1)),
            latencies_.json());
    }

  private:
    // Makes a text that can stand in a line of JSON.
    static std::string plain(std::string text) {
        std::ranges::replace_if(text, [](char c) { return c == '"' || c == '\\' || c < ' '; }, '\'');
        return text;
    }

    void send(Connection& connection) {
        if (asked_ == plan_.count) return;
        auto body = plan_.body;
        auto number = std::to_string(++asked_);
        for (std::size_t at = 0; (at = body.find("{n}", at)) != std::string::npos; at += number.size())
            body.replace(at, 3, number);
        fmt::format_to(std::back_inserter(connection.output()),
                       "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}Content-Type: application/json\r\n"
                       "Content-Length: {}\r\n\r\n{}",
                       plan_.api.path, plan_.api.port, authorization(plan_.api), body.size(), body);
        sent_at_[&connection] = now();
    }

    Workspace& workspace_;
    FilePlan plan_;
    std::vector<Connection*> open_;
    std::unordered_map<Connection*, Nanos> sent_at_;
    std::string scratch_;
    std::string first_refusal_;
    std::size_t asked_ = 0;
    std::size_t answered_ = 0;
    std::size_t refused_ = 0;
    std::size_t cards_before_;
    std::size_t cards_seen_ = 0;
    Nanos began_;
    Nanos last_answer_at_ = 0;
    Nanos last_card_at_ = 0;
    Nanos processor_before_;
    Latencies latencies_;
};

struct Click {
    std::size_t card = 0;
    Connection* waiter = nullptr;
    Nanos sent_at = 0;
    Nanos acknowledged_at = 0;
    Nanos updated_at = 0;
    Nanos answered_at = 0;
};

class Clicking : public Job, public ClickObserver, public ConnectionOwner {
  public:
    Clicking(Loop& loop, Workspace& workspace, ClickPlan plan)
        : loop_(loop),
          workspace_(workspace),
          plan_(std::move(plan)),
          first_id_(next_id),
          processor_before_(processor_time()) {
        plan_.count = std::min(plan_.count, workspace_.open_cards());
        if (workspace_.sockets() == 0) plan_.count = 0;
        next_id += plan_.count;
        clicks_.resize(plan_.count);
        for (auto& click : clicks_) click.card = workspace_.take_card();
        workspace_.observe(this);
        begin_at_ = now();
        last_event_at_ = begin_at_;
        if (plan_.waiters)
            ask_all();
        else if (plan_.in_flight > 0)
            for (std::size_t i = 0; i < plan_.in_flight; ++i) send_next(now());
    }
    ~Clicking() override {
        workspace_.observe(nullptr);
        for (auto& click : clicks_)
            if (click.waiter != nullptr) click.waiter->abandon();
    }

    void acknowledged(std::uint64_t id, Nanos at) override { mark(id, &Click::acknowledged_at, at); }
    void card_updated(std::uint64_t id, bool closed, Nanos at) override {
        if (closed)
            mark(id, &Click::updated_at, at);
        else
            ++still_open_;
    }
    void received(Connection& connection, Nanos at) override {
        HttpMessage answer;
        auto parsed = parse_message(connection.input(), scratch_, answer);
        if (parsed == Parsed::partial) return;
        if (parsed == Parsed::broken) return connection.close();
        bool told =
            answer.status() == 200 && answer.body.find(R"("state":"approved")") != std::string_view::npos;
        if (!told)
            ++wrong_answers_;
        else
            mark(connection.tag, &Click::answered_at, at);
        connection.consume(answer.bytes);
    }
    void closed(Connection& connection) override {
        if (connection.tag >= first_id_) clicks_[connection.tag - first_id_].waiter = nullptr;
    }

    bool done(Nanos at) override {
        if (completed_ == plan_.count) return true;
        return at > last_event_at_ + answer_wait_max;
    }
    Nanos step(Nanos at) override {
        if (plan_.in_flight > 0 || sent_ == plan_.count) return at + 100 * millisecond;
        while (sent_ < plan_.count && due(sent_) <= at) send_next(at);
        return sent_ < plan_.count ? due(sent_) : at + 100 * millisecond;
    }

    std::string report() override {
        Latencies acknowledged;
        Latencies updated;
        Latencies answered;
        Latencies after_decision;
        for (auto& click : clicks_) {
            if (click.acknowledged_at != 0) acknowledged.add(click.acknowledged_at - click.sent_at);
            if (click.updated_at != 0) updated.add(click.updated_at - click.sent_at);
            if (click.answered_at == 0) continue;
            answered.add(click.answered_at - click.sent_at);
            // The acknowledgement leaves after the commit, so it is the nearest thing to the decision that
            // can be seen from here.
            if (click.acknowledged_at != 0)
                after_decision.add(std::max<Nanos>(click.answered_at - click.acknowledged_at, 0));
        }
        auto elapsed = std::max<Nanos>(last_event_at_ - begin_at_, 1);
        auto count = static_cast<double>(std::max<std::size_t>(completed_, 1));
        return fmt::format(
            R"({{"clicks":{},"completed":{},"updates_with_buttons":{},"wrong_answers":{},"seconds":{:.3f},)"
            R"("per_second":{:.1f},"standin_cpu_us_each":{:.1f},"acknowledged_ms":{},"card_ms":{},"answered_ms":{},)"
            R"("acknowledged_to_answered_ms":{}}})",
            sent_, completed_, still_open_, wrong_answers_, in_milliseconds(elapsed) / 1e3,
            static_cast<double>(completed_) * static_cast<double>(second) / static_cast<double>(elapsed),
            static_cast<double>(processor_time() - processor_before_) / 1e3 / count, acknowledged.json(),
            updated.json(), answered.json(), after_decision.json());
    }

  private:
    Nanos due(std::size_t index) const {
        return begin_at_ + static_cast<Nanos>(static_cast<double>(index) * static_cast<double>(second) /
                                              plan_.per_second);
    }

    void ask_all() {
        for (std::size_t i = 0; i < clicks_.size(); ++i) {
            auto& connection = loop_.connect(plan_.api.port, *this);
            connection.tag = first_id_ + i;
            clicks_[i].waiter = &connection;
            fmt::format_to(std::back_inserter(connection.output()),
                           "GET {}/{}?wait=60 HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}\r\n", plan_.api.path,
                           workspace_.message(clicks_[i].card).value, plan_.api.port,
                           authorization(plan_.api));
        }
        begin_at_ += settle;
    }

    void send_next(Nanos at) {
        if (sent_ == plan_.count) return;
        auto& click = clicks_[sent_];
        click.sent_at = at;
        last_event_at_ = std::max(last_event_at_, at);
        auto id = first_id_ + sent_++;
        workspace_.click(click.card, id, static_cast<std::size_t>(id));
    }

    bool complete(const Click& click) const {
        return click.acknowledged_at != 0 && click.updated_at != 0 &&
               (!plan_.waiters || click.answered_at != 0);
    }

    void mark(std::uint64_t id, Nanos Click::* what, Nanos at) {
        if (id < first_id_ || id - first_id_ >= clicks_.size()) return;  // from an earlier job
        auto& click = clicks_[id - first_id_];
        if (click.*what != 0 || click.sent_at == 0) return;
        click.*what = at;
        last_event_at_ = at;
        if (!complete(click)) return;
        ++completed_;
        if (plan_.in_flight > 0) send_next(at);
    }

    static inline std::uint64_t next_id = 1;

    Loop& loop_;
    Workspace& workspace_;
    ClickPlan plan_;
    std::uint64_t first_id_;
    std::vector<Click> clicks_;
    std::string scratch_;
    std::size_t sent_ = 0;
    std::size_t completed_ = 0;
    std::size_t still_open_ = 0;
    std::size_t wrong_answers_ = 0;
    Nanos begin_at_ = 0;
    Nanos last_event_at_ = 0;
    Nanos processor_before_;
};

class AwaitingSockets : public Job {
  public:
    AwaitingSockets(Workspace& workspace, std::size_t sockets, Nanos give_up_at)
        : workspace_(workspace), wanted_(sockets), give_up_at_(give_up_at) {}
    bool done(Nanos at) override { return workspace_.sockets() >= wanted_ || at >= give_up_at_; }
    Nanos step(Nanos at) override { return at + 20 * millisecond; }
    std::string report() override { return fmt::format(R"({{"sockets":{}}})", workspace_.sockets()); }

  private:
    Workspace& workspace_;
    std::size_t wanted_;
    Nanos give_up_at_;
};

}  // namespace

std::unique_ptr<Job> file_requests(Loop& loop, Workspace& workspace, FilePlan plan) {
    return std::make_unique<Filing>(loop, workspace, std::move(plan));
}

std::unique_ptr<Job> click(Loop& loop, Workspace& workspace, ClickPlan plan) {
    return std::make_unique<Clicking>(loop, workspace, std::move(plan));
}

std::unique_ptr<Job> await_sockets(Workspace& workspace, std::size_t sockets, Nanos give_up_at) {
    return std::make_unique<AwaitingSockets>(workspace, sockets, give_up_at);
}

}  // namespace bench
