"""How the demo draws lineage."""

from cli.demo.lineage import lines


def node(id: str) -> dict[str, str]:
    return {"id": id, "__typename": "Commit", "sha": id * 40, "message": f"Change {id}\n\nAt length."}


def edge(upstream: str, downstream: str) -> dict[str, str]:
    return {"type": "MERGED_AS", "from": upstream, "to": downstream}


TOLD = {
    "nodes": [node("a"), node("b"), node("c"), node("d")],
    "edges": [edge("a", "b"), edge("a", "c"), edge("b", "d"), edge("c", "d")],
}


def test_a_node_with_two_ways_to_it_hangs_from_the_first() -> None:
    assert [
        line.replace("[dim]", "").replace("[bold]", "").replace("[/]", "") for line in lines(TOLD, towards="to")
    ] == [
        "Commit aaaaaaaaaaaa Change a",
        "├─ MERGED_AS Commit bbbbbbbbbbbb Change b",
        "│  └─ MERGED_AS Commit dddddddddddd Change d",
        "└─ MERGED_AS Commit cccccccccccc Change c",
    ]


def test_upstream_starts_from_the_first_node_that_was_told() -> None:
    told = {"nodes": TOLD["nodes"][::-1], "edges": TOLD["edges"]}
    assert [line.count("Change") for line in lines(told, towards="from")] == [1, 1, 1, 1]
    assert "Change d" in lines(told, towards="from")[0]


def test_a_message_that_looks_like_markup_is_shown_as_it_is() -> None:
    odd = node("a") | {"message": "[bold]no[/]"}
    assert lines({"nodes": [odd], "edges": []}, towards="to") == ["[bold]Commit[/] aaaaaaaaaaaa \\[bold]no\\[/]"]
