from django.contrib import admin

from fleet.models import Document, Port, Ship


@admin.register(Port)
class PortAdmin(admin.ModelAdmin):
    list_display = ["name", "country"]
    search_fields = ["name", "country"]


@admin.register(Ship)
class ShipAdmin(admin.ModelAdmin):
    list_display = ["name", "home", "launched", "deadweight_tonnes", "cargo_tonnes"]
    list_filter = ["home"]
    list_select_related = ["home"]
    search_fields = ["name"]


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    list_display = ["name", "size_bytes", "uploaded"]
    readonly_fields = ["size_bytes"]
