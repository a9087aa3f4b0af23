"""The networks' painted sheets to sheets that stand where a head, its neck and a body do."""
