"""Scenes: light, backgrounds, and objects behind and in front of people."""
