"""The report: the page for the meeting, and the summary for the terminal."""

from weighbridge.weigh.report.html import render
from weighbridge.weigh.report.text import show, summary

__all__ = ["render", "show", "summary"]
