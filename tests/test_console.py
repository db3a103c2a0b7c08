import pytest

from tellapart.console import Terminal, print_findings, print_table


def test_notes_go_to_standard_error_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().note("read [bold]3[/bold] photos from [x] :cat: 😀")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "read [bold]3[/bold] photos from [x] :cat: 😀\n"


def test_nothing_told_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().note("a\x1b[2J\u202egpj.jpg")
    print_table("Titled", ["", "photos"], [["b\x1b]0;x\x07", "3"]])
    out, err = capsys.readouterr()
    assert err == "a\\x1b[2J\\u202egpj.jpg\n"
    assert "b\\x1b]0;x\\x07" in out


def test_a_long_note_stays_one_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().note("a/long/path " * 30)
    assert capsys.readouterr().err.count("\n") == 1


def test_bars_are_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    with terminal.bar("Training [x]", 3) as outer, terminal.bar("Epoch", 0) as inner:
        outer.advance()
        inner.advance(2)
        inner.say("loss [0.5]")
    with terminal.bar("Again", 1) as bar:
        bar.advance()
    assert capsys.readouterr() == ("", "")


def test_bars_are_drawn_on_a_terminal_and_cleared(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    terminal = Terminal()
    with terminal.bar("Training [x]", 2) as bar:
        bar.say("loss [0.5]")
        bar.advance()
        terminal.note("half of it")
    out, err = capsys.readouterr()
    assert out == ""
    assert "Training [x]" in err
    assert "half of it" in err


def test_a_bar_closes_when_the_job_fails(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()

    def fail() -> None:
        with terminal.bar("outer", 2), terminal.bar("inner", 2):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    with terminal.bar("next", 1) as bar:
        bar.advance()
    assert capsys.readouterr().out == ""


def test_tables_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("The ladder", ["recipe", "accuracy"], [["baseline", "0.700"], ["[bold]odd[/bold]", "0.9"]])
    out, err = capsys.readouterr()
    assert err == ""
    assert "The ladder" in out
    assert "[bold]odd[/bold]" in out
    short, long = (next(line for line in out.splitlines() if text in line) for text in ("0.700", "0.9"))
    assert short.rindex("0.700") + 5 == long.rindex("0.9") + 3  # right-aligned


def test_findings_go_to_standard_output_and_none_is_said_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings([("problem", "Two [red]pictures[/red] in more than one class.", "Decide.")])
    print_findings([])
    out, err = capsys.readouterr()
    assert err == ""
    assert "problem" in out
    assert "[red]" in out
    assert "Nothing wrong was found." in out


def test_a_note_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(terminal._console, "print", full)
    terminal.note("deeper: test accuracy 0.9")
