"""Ports, ships and the papers that were uploaded for them."""

from django.db import models


class Port(models.Model):
    name = models.CharField(max_length=80, unique=True)
    country = models.CharField(max_length=80)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Ship(models.Model):
    name = models.CharField(max_length=80, unique=True)
    home = models.ForeignKey(Port, on_delete=models.PROTECT, related_name="ships")
    launched = models.PositiveSmallIntegerField(help_text="Year.")
    deadweight_tonnes = models.PositiveIntegerField(help_text="What she may carry, in tonnes.")
    cargo_tonnes = models.PositiveIntegerField(default=0, help_text="What she carries now.")

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    @property
    def load_percent(self):
        return round(100 * self.cargo_tonnes / self.deadweight_tonnes)

    @property
    def is_overloaded(self):
        return self.cargo_tonnes > self.deadweight_tonnes


class Document(models.Model):
    file = models.FileField(upload_to="documents")
    name = models.CharField(max_length=200, help_text="The name it was uploaded with.")
    size_bytes = models.PositiveBigIntegerField()
    uploaded = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-uploaded", "-id"]

    def __str__(self):
        return self.name
